package projection

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"daybook/eventlog"
	"daybook/task"
)

// tokenEvents are the events of the stream of a token. Its name can be used again after it was revoked.
var tokenEvents = map[string]int{
	TokenCreated: 1,
	TokenRevoked: 1,
	TokenUsed:    1,
}

// Types of the events of tokens.
const (
	TokenCreated = "token.created"
	TokenRevoked = "token.revoked"
	TokenUsed    = "token.used" // by a person in a browser, for the write before it
)

// Role is what a token may do. Each role may do what those before it may.
type Role string

// The roles, the weakest first.
const (
	Viewer    Role = "viewer"    // reads
	Submitter Role = "submitter" // submits tasks and uploads files
	Worker    Role = "worker"    // leases tasks
	Operator  Role = "operator"  // cancels, retries, changes queues, schedules and workers
	Admin     Role = "admin"     // creates and revokes tokens
)

var roles = []Role{Viewer, Submitter, Worker, Operator, Admin}

// Roles lists the roles, the weakest first.
func Roles() []Role { return slices.Clone(roles) }

// Includes reports whether a token of the role may do what the other role may. An unknown role
// includes nothing.
func (r Role) Includes(other Role) bool {
	have, need := slices.Index(roles, r), slices.Index(roles, other)
	return have >= 0 && need >= 0 && have >= need
}

// Token is a token as the log describes it. The token itself is not kept, only its SHA-256.
type Token struct {
	Name      string      `json:"name"`
	Role      Role        `json:"role"`
	Queues    []string    `json:"queues,omitempty"`     // none = all
	TaskTypes []string    `json:"task_types,omitempty"` // none = all
	ExpiresAt task.Micros `json:"expires_at,omitempty"` // 0 = never
	CreatedAt task.Micros `json:"created_at"`
	CreatedBy string      `json:"created_by"` // actor
	Hash      [32]byte    `json:"-"`          // SHA-256 of the token's text
}

// Limited reports whether the token is for some queues or task types only.
func (t *Token) Limited() bool { return t.Queues != nil || t.TaskTypes != nil }

// Allows reports whether the token is for tasks of the type in the queue.
func (t *Token) Allows(taskType, queue string) bool {
	return (t.Queues == nil || slices.Contains(t.Queues, queue)) &&
		(t.TaskTypes == nil || slices.Contains(t.TaskTypes, taskType))
}

// Expired reports whether the token has expired.
func (t *Token) Expired(now task.Micros) bool { return t.ExpiresAt != 0 && t.ExpiresAt <= now }

// TokenCreatedData is the data of token.created.
type TokenCreatedData struct {
	Role      Role        `json:"role"`
	Queues    []string    `json:"queues,omitempty"`
	TaskTypes []string    `json:"task_types,omitempty"`
	ExpiresAt task.Micros `json:"expires_at,omitempty"`
	Hash      string      `json:"hash"` // SHA-256 of the token, in hex
}

// keptToken is what is kept of a name.
type keptToken struct {
	Version int64  `json:"version"`         // of the latest event of its stream
	Token   *Token `json:"token,omitempty"` // nil: revoked
	Hash    string `json:"hash,omitempty"`  // of the token, in hex
	Used    int64  `json:"used,omitempty"`  // when the latest token.used was written
}

// tokens is the fold of token streams.
type tokens struct {
	Names map[string]*keptToken `json:"names"`
}

func (s *tokens) apply(e *eventlog.Event) error {
	_, name, _ := strings.Cut(e.Stream, ":")
	if !task.ValidName(name) {
		return fmt.Errorf("%w: the name of a token is %q", task.ErrData, name)
	}
	name = strings.Clone(name)
	old := s.Names[name]
	live := old != nil && old.Token != nil
	kept := &keptToken{Version: e.Version}
	switch e.Type {
	case TokenCreated:
		if live {
			return fmt.Errorf("%w: the token exists", task.ErrIllegal)
		}
		var data TokenCreatedData
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		if hash, err := hex.DecodeString(data.Hash); err != nil || len(hash) != 32 || !data.Role.Includes(Viewer) {
			return fmt.Errorf("%w: %s: its role or hash is not valid", task.ErrData, e.Type)
		}
		kept.Hash = data.Hash
		kept.Token = &Token{Name: name, Role: data.Role, Queues: data.Queues, TaskTypes: data.TaskTypes,
			ExpiresAt: data.ExpiresAt, CreatedAt: task.Micros(e.At), CreatedBy: strings.Clone(e.Actor)}
	case TokenRevoked:
		if !live {
			return fmt.Errorf("%w: the token does not exist", task.ErrIllegal)
		}
	case TokenUsed: // it may have been the use that has revoked it
		if old == nil {
			return fmt.Errorf("%w: the token does not exist", task.ErrIllegal)
		}
		kept.Token, kept.Hash, kept.Used = old.Token, old.Hash, e.At
	}
	if s.Names == nil {
		s.Names = make(map[string]*keptToken)
	}
	s.Names[name] = kept
	return nil
}

// version is the version of the latest event of a token's stream.
func (s *tokens) version(stream string) int64 {
	_, name, _ := strings.Cut(stream, ":")
	if kept := s.Names[name]; kept != nil {
		return kept.Version
	}
	return 0
}

// LiveToken is a token that has not been revoked.
type LiveToken struct {
	Token
	revoked context.Context
	revoke  context.CancelFunc
	used    atomic.Int64 // when it was last used; 0 = not yet
}

// Revoked returns a context that ends when the token is revoked.
func (t *LiveToken) Revoked() context.Context { return t.revoked }

// LastUsed returns when the token was last used since the start of the server, or else when a person has
// last written with it in a browser; 0 = not yet.
func (t *LiveToken) LastUsed() task.Micros { return task.Micros(t.used.Load()) }

// Use records a use of the token.
func (t *LiveToken) Use(now task.Micros) { t.used.Store(int64(now)) }

// Tokens are the tokens that have not been revoked, at one moment. They are not to be changed.
type Tokens struct {
	byHash map[[32]byte]*LiveToken
	all    []*LiveToken // by name
}

// Any reports whether there is a token. While there is none, nobody needs one.
func (t *Tokens) Any() bool { return t != nil && len(t.all) > 0 }

// All lists the tokens by name.
func (t *Tokens) All() []*LiveToken {
	if t == nil {
		return nil
	}
	return t.all
}

// Find returns the token with that SHA-256, nil if there is none. It may have expired.
func (t *Tokens) Find(hash [32]byte) *LiveToken {
	if t == nil {
		return nil
	}
	// A hash cannot be guessed piece by piece, so the time that a lookup takes tells nothing.
	found := t.byHash[hash]
	if found == nil || subtle.ConstantTimeCompare(found.Hash[:], hash[:]) != 1 {
		return nil
	}
	return found
}

// Tokens returns the tokens that have not been revoked. It takes no lock.
func (v *Views) Tokens() *Tokens { return v.tokens.Load() }

// noteUse notes when a person has used a token.
func (v *Views) noteUse(e *eventlog.Event) {
	for _, t := range v.Tokens().All() {
		if "token:"+t.Name == e.Stream {
			t.Use(max(t.LastUsed(), task.Micros(e.At)))
		}
	}
}

// publishTokens makes the tokens of the fold those that Tokens returns. What readers hold of a token
// that is still there stays; the context of one that is gone ends. The caller holds mu.
func (v *Views) publishTokens() {
	before := v.tokens.Load()
	now := &Tokens{byHash: make(map[[32]byte]*LiveToken)}
	for _, kept := range foldIn[*tokens](v.streams).Names {
		if kept.Token == nil {
			continue
		}
		var hash [32]byte
		_, _ = hex.Decode(hash[:], []byte(kept.Hash)) // apply has checked it
		live := before.Find(hash)
		if live == nil {
			live = &LiveToken{Token: *kept.Token}
			live.Hash = hash
			live.used.Store(kept.Used)
			live.revoked, live.revoke = context.WithCancel(context.Background())
		}
		now.byHash[hash] = live
		now.all = append(now.all, live)
	}
	slices.SortFunc(now.all, func(a, b *LiveToken) int { return strings.Compare(a.Name, b.Name) })
	v.tokens.Store(now)
	for _, old := range before.All() {
		if now.byHash[old.Hash] != old {
			old.revoke()
		}
	}
}
