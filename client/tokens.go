package client

import (
	"context"
	"net/http"
	"time"
)

// Token describes a token of the server.
type Token struct {
	Name       string     `json:"name"`
	Role       string     `json:"role"`       // viewer, submitter, worker, operator or admin
	Queues     []string   `json:"queues"`     // the only ones that it is for; nil = all
	TaskTypes  []string   `json:"task_types"` // the only ones that it is for; nil = all
	ExpiresAt  *time.Time `json:"expires_at"` // nil = never
	CreatedAt  *time.Time `json:"created_at,omitempty"`
	CreatedBy  string     `json:"created_by,omitempty"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"` // nil = not since the start of the server
	// Secret is the token itself, in the answer to CreateToken alone: nobody can read it again.
	Secret string `json:"token,omitempty"`
}

// CreateToken makes a token. Its Name, Role, Queues, TaskTypes and ExpiresAt are used. The first token
// must be an admin's.
func (c *Client) CreateToken(ctx context.Context, t Token) (Token, error) {
	body := struct {
		Name      string     `json:"name"`
		Role      string     `json:"role"`
		Queues    []string   `json:"queues,omitempty"`
		TaskTypes []string   `json:"task_types,omitempty"`
		ExpiresAt *time.Time `json:"expires_at,omitempty"`
	}{t.Name, t.Role, t.Queues, t.TaskTypes, t.ExpiresAt}
	var made Token
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/tokens", body: body}, &made)
	return made, err
}

// Tokens lists the tokens by name.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	var all []Token
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/tokens"}, &all)
	return all, err
}

// RevokeToken makes the server refuse the token of that name from now on.
func (c *Client) RevokeToken(ctx context.Context, name string) error {
	path := pathOf("/api/tokens/", name, "")
	_, err := c.do(ctx, call{method: http.MethodDelete, path: path}, nil)
	return err
}
