package scheduler

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	"daybook/projection"
)

// Errors of commands on tokens.
var (
	// ErrTokenExists: a token of the name exists. Nothing happened.
	ErrTokenExists = errors.New("a token of this name exists")
	// ErrNoToken: there is no token of the name.
	ErrNoToken = errors.New("there is no token of this name")
	// ErrTooManyTokens: MaxTokens tokens exist.
	ErrTooManyTokens = errors.New("there are too many tokens")
	// ErrLastAdmin: without the token nobody could create or revoke tokens any more.
	ErrLastAdmin = errors.New("it is the last admin token that does not expire")
	// ErrFirstToken: the first token must be an admin token without limits that does not expire.
	ErrFirstToken = errors.New("the first token must be of an admin")
)

// MaxTokens is how many tokens can exist at the same time.
const MaxTokens = 1000

// CreateToken appends that the token exists. Its Name, Role, Queues, TaskTypes, ExpiresAt and Hash are
// used and must be valid. Errors: ErrTokenExists, ErrTooManyTokens, ErrFirstToken, and those of commands.
func (s *Scheduler) CreateToken(ctx context.Context, actor string, t projection.Token) error {
	data, err := json.Marshal(projection.TokenCreatedData{Role: t.Role, Queues: t.Queues, TaskTypes: t.TaskTypes,
		ExpiresAt: t.ExpiresAt, Hash: hex.EncodeToString(t.Hash[:])})
	if err != nil {
		return err // not for strings and numbers
	}
	return s.Record(ctx, actor, func() ([]Other, error) {
		all := s.o.Views.Tokens()
		switch {
		case named(all, t.Name):
			return nil, ErrTokenExists
		case len(all.All()) >= MaxTokens:
			return nil, ErrTooManyTokens
		case !all.Any() && !lasting(&t):
			return nil, ErrFirstToken
		}
		return []Other{{Stream: "token:" + t.Name, Type: projection.TokenCreated, V: 1, Data: data}}, nil
	})
}

// RevokeToken appends that the token is revoked. The last token of all can be revoked: then nobody
// needs one, as before the first. Errors: ErrNoToken, ErrLastAdmin, and those of commands.
func (s *Scheduler) RevokeToken(ctx context.Context, actor, name string) error {
	return s.Record(ctx, actor, func() ([]Other, error) {
		if !named(s.o.Views.Tokens(), name) {
			return nil, ErrNoToken
		}
		admins, others := 0, 0
		for _, t := range s.o.Views.Tokens().All() {
			if t.Name == name {
				continue
			}
			others++
			if lasting(&t.Token) {
				admins++
			}
		}
		if others > 0 && admins == 0 {
			return nil, ErrLastAdmin
		}
		return []Other{{Stream: "token:" + name, Type: projection.TokenRevoked, V: 1, Data: []byte("{}")}}, nil
	})
}

// named reports whether there is a token of the name.
func named(all *projection.Tokens, name string) bool {
	return slices.ContainsFunc(all.All(), func(t *projection.LiveToken) bool { return t.Name == name })
}

// lasting reports whether the token can always create and revoke tokens. While there are tokens, there
// is one like it: else everybody could be locked out.
func lasting(t *projection.Token) bool {
	return t.Role == projection.Admin && t.ExpiresAt == 0 && !t.Limited()
}
