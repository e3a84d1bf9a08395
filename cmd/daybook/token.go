package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"daybook"
	"daybook/client"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Create a token and print it."`
	Ls     tokenLsCmd     `cmd:"" help:"List the tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke tokens."`
}

func (tokenCmd) Help() string {
	return `While a server has no token, it answers only its own machine, and everyone there may do everything. The first
token must be an admin's; from then on every request needs a token. Other commands take theirs from DAYBOOK_TOKEN.

Example:

    export DAYBOOK_TOKEN=$(daybook token create admin --role admin)
    daybook token create ci --role submitter --queue builds --expires 2160h`
}

type tokenCreateCmd struct {
	remote
	Name    string        `arg:"" help:"Who or what uses the token, such as ci; the log names it."`
	Role    string        `required:"" enum:"viewer,submitter,worker,operator,admin" help:"What the token may do: viewer reads; submitter also submits; worker also leases tasks; operator also cancels, retries and manages queues, schedules and workers; admin also manages tokens."`
	Queue   []string      `help:"Only for tasks in this queue; may be repeated."`
	Type    []string      `placeholder:"TYPE" help:"Only for tasks of this type; may be repeated."`
	Expires time.Duration `placeholder:"TIME" help:"Time until the token expires, such as 720h; by default it does not." positive:""`
	Data    string        `env:"-" placeholder:"DIR" help:"Write an admin token into this data folder, which no server may have open: for when the last admin token is lost."`
}

func (tokenCreateCmd) Help() string {
	return `Prints the token on standard output. It is shown only this once: the server keeps only its SHA-256.

Examples:

    daybook token create admin --role admin
    daybook token create resizer --role worker --type resize
    daybook token create ci --role submitter --queue builds --expires 720h

If the last admin token is lost, stop the server, and create another one in its data folder:

    daybook token create rescue --role admin --data ./daybook-data`
}

// AfterApply checks what the flags' types do not.
func (c *tokenCreateCmd) AfterApply() error {
	if c.Expires < 0 {
		return fmt.Errorf("--expires must not be negative")
	}
	if c.Data != "" && (c.Role != "admin" || c.Expires > 0 || len(c.Queue) > 0 || len(c.Type) > 0) {
		return fmt.Errorf("--data makes an admin token without limits: give --role admin and neither --queue, --type nor --expires. Start the server then, and create other tokens with it")
	}
	return nil
}

func (c *tokenCreateCmd) Run(ctx context.Context, s *stdio) error {
	if c.Data != "" {
		secret, err := daybook.CreateAdminToken(ctx, c.Data, c.Name, slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			return err
		}
		return c.print(s, &client.Token{Name: c.Name, Role: c.Role, CreatedBy: "offline", Secret: secret})
	}
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		want := client.Token{Name: c.Name, Role: c.Role, Queues: c.Queue, TaskTypes: c.Type}
		if c.Expires > 0 {
			at := time.Now().Add(c.Expires).UTC().Truncate(time.Second)
			want.ExpiresAt = &at
		}
		made, err := server.CreateToken(ctx, want)
		if err != nil {
			return err
		}
		return c.print(s, &made)
	})
}

// print shows a new token.
func (c *tokenCreateCmd) print(s *stdio, made *client.Token) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(made)
	}
	if _, err := fmt.Fprintln(s.out, made.Secret); err != nil {
		return err
	}
	if s.outTerminal {
		url, _, _ := strings.Cut(c.Server, ",")
		fmt.Fprintf(s.err, "%s\n", s.dim("This is shown only once. Commands take it from DAYBOOK_TOKEN; in a browser, sign in with it at "+url+"/sign-in"))
	}
	return nil
}

type tokenLsCmd struct{ remote }

func (c *tokenLsCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		all, err := server.Tokens(ctx)
		if err != nil {
			return err
		}
		return listAll(s, c.JSON, all, tokenRow, "NAME\tROLE\tFOR\tEXPIRES\tLAST USED", "There is no token: everyone on the server's machine may do everything.")
	})
}

// tokenRow is what is shown of a token, column by column.
func tokenRow(t *client.Token) []string {
	var limits []string
	for _, q := range t.Queues {
		limits = append(limits, "queue "+q)
	}
	for _, name := range t.TaskTypes {
		limits = append(limits, "type "+name)
	}
	if limits == nil {
		limits = []string{"all"}
	}
	expires, used := "never", "never"
	if t.ExpiresAt != nil {
		expires = clock(*t.ExpiresAt)
	}
	if t.LastUsedAt != nil {
		used = clock(*t.LastUsedAt)
	}
	return []string{t.Name, t.Role, strings.Join(limits, ", "), expires, used}
}

type tokenRevokeCmd struct {
	remote
	Name []string `arg:"" help:"The names of the tokens."`
}

func (c *tokenRevokeCmd) Run(ctx context.Context, s *stdio) error {
	return c.with(ctx, s, func(ctx context.Context, server *client.Client) error {
		return endEach(ctx, s, c.JSON, c.Name, server.RevokeToken, "revoked")
	})
}
