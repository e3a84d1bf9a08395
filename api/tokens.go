package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
	"time"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"
)

// A token is "dbk_" and the base32, in lower case, of 256 random bits and their CRC-32, which tells a
// typing error from a token that was revoked.
const (
	tokenPrefix = "dbk_"
	tokenBytes  = 32
)

var tokenText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewToken makes a token.
func NewToken() string {
	secret := make([]byte, tokenBytes, tokenBytes+crc32.Size)
	_, _ = rand.Read(secret) // it never fails
	secret = binary.BigEndian.AppendUint32(secret, crc32.ChecksumIEEE(secret))
	return tokenPrefix + tokenText.EncodeToString(secret)
}

// wellFormedToken reports whether the text is a whole token.
func wellFormedToken(text string) bool {
	rest, ok := strings.CutPrefix(text, tokenPrefix)
	secret, err := tokenText.DecodeString(rest)
	return ok && err == nil && len(secret) == tokenBytes+crc32.Size &&
		binary.BigEndian.Uint32(secret[tokenBytes:]) == crc32.ChecksumIEEE(secret[:tokenBytes])
}

// createToken answers POST /api/tokens. The answer alone has the token itself.
func (a *API) createToken(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	t, bad := readToken(text, task.MicrosOf(time.Now()))
	if bad != nil {
		return invalids(bad)
	}
	secret := NewToken()
	t.Hash = sha256.Sum256([]byte(secret))
	if err := a.sched().CreateToken(r.Context(), p.caller.actor(), t); err != nil {
		return err
	}
	var w jsontext.Writer
	made := a.Views.Tokens().Find(t.Hash)
	if made == nil { // it was revoked already
		made = &projection.LiveToken{Token: t}
	}
	writeToken(&w, made, secret)
	p.Header()["Cache-Control"] = noStore
	return p.send(typeJSON, w)
}

// readToken reads the body of POST /api/tokens.
func readToken(body []byte, now task.Micros) (t projection.Token, bad []task.FieldError) {
	names := func(o object, value []byte) []string {
		list := o.names(value, maxOffered)
		if len(list) == 0 {
			o.wrong("must name at least one; leave it out for all")
		}
		return list
	}
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		null := jsontext.IsNull(value)
		switch key {
		case "name":
			if t.Name = o.text(value, 1, 64); t.Name != "" && !task.NewName(t.Name) {
				o.wrong(task.NameRule)
			}
		case "role":
			if t.Role = projection.Role(o.text(value, 1, 20)); t.Role != "" && !slices.Contains(projection.Roles(), t.Role) {
				o.wrong("must be viewer, submitter, worker, operator or admin")
			}
		case "queues":
			if !null {
				t.Queues = names(o, value)
			}
		case "task_types":
			if !null {
				t.TaskTypes = names(o, value)
			}
		case "expires_at":
			if !null {
				at, ok := intake.ParseTime(o.text(value, 1, 64))
				if !ok || at <= now {
					o.wrong("must be a time in the future, like 2030-01-31T12:00:00Z; leave it out for a token that does not expire")
				}
				t.ExpiresAt = at
			}
		default:
			return false
		}
		return true
	})
	if bad == nil && t.Name == "" {
		object{"/name", &bad}.wrong("must be given: who or what uses the token, such as ci")
	}
	if bad == nil && t.Role == "" {
		object{"/role", &bad}.wrong("must be given: viewer, submitter, worker, operator or admin")
	}
	if bad == nil && t.Limited() && t.Role == projection.Admin {
		object{"/role", &bad}.wrong("must not be admin for a token that is for some queues or task types: an admin creates tokens for all")
	}
	return t, bad
}

// listTokens answers GET /api/tokens.
func (a *API) listTokens(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	seq := a.Views.Seq()
	var w jsontext.Writer
	w.Array()
	for _, t := range a.Views.Tokens().All() {
		writeToken(w.Item(), t, "")
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// writeToken writes what is known of a token, and the token itself if it is not "".
func writeToken(w *jsontext.Writer, t *projection.LiveToken, secret string) {
	w.Object()
	w.Key("name").String(t.Name)
	w.Key("role").String(string(t.Role))
	writeLimits(w, &t.Token)
	w.Key("expires_at").OptionalTime(int64(t.ExpiresAt))
	w.Key("created_at").OptionalTime(int64(t.CreatedAt))
	w.Key("created_by").String(t.CreatedBy)
	w.Key("last_used_at").OptionalTime(int64(t.LastUsed()))
	if secret != "" {
		w.Key("token").String(secret)
	}
	w.EndObject()
}

// writeLimits writes the queues and types that a token is for, null for all.
func writeLimits(w *jsontext.Writer, t *projection.Token) {
	for _, one := range []struct {
		key  string
		list []string
	}{{"queues", t.Queues}, {"task_types", t.TaskTypes}} {
		if one.list == nil {
			w.Key(one.key).Null()
		} else {
			w.Key(one.key).Strings(one.list)
		}
	}
}

// revokeToken answers DELETE /api/tokens/{name}.
func (a *API) revokeToken(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	if err := a.sched().RevokeToken(r.Context(), p.caller.actor(), p.id); err != nil {
		return err
	}
	var w jsontext.Writer
	w.Object()
	w.Key("name").String(p.id)
	w.Key("revoked").Bool(true)
	w.EndObject()
	return p.send(typeJSON, w)
}

// me answers GET /api/me: who the caller is and what it may do.
func (a *API) me(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	role, t := projection.Admin, projection.Token{}
	if p.caller.token != nil {
		t = p.caller.token.Token
		role = t.Role
	}
	var w jsontext.Writer
	w.Object()
	w.Key("actor").String(p.caller.actor())
	w.Key("name").OptionalString(t.Name)
	w.Key("role").String(string(role))
	writeLimits(&w, &t)
	w.Key("expires_at").OptionalTime(int64(t.ExpiresAt))
	w.EndObject()
	p.Header()["Cache-Control"] = noStore
	return p.send(typeJSON, w)
}
