package projection

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"daybook/eventlog"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

// token appends an event of a token's stream.
func (l *ledger) token(name string, version int64, kind, data string) {
	raw := &eventlog.Event{At: int64(l.now), Stream: "token:" + name, Version: version, Type: kind, V: 1, Actor: person, Data: []byte(data)}
	l.append(raw)
	l.batch = append(l.batch, Change{Event: &task.Event{Seq: raw.Seq, At: l.now}, Other: raw})
	l.commit()
}

func hexHash(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(hash[:])
}

func TestTokensAreFoldedAndFoundByTheirHash(t *testing.T) {
	l := newLedger(t)
	l.token("root", 1, TokenCreated, `{"role":"admin","hash":"`+hexHash("a")+`"}`)
	l.after(task.Second)
	l.token("ci", 1, TokenCreated, `{"role":"submitter","queues":["q"],"task_types":["T"],"expires_at":`+"99"+`,"hash":"`+hexHash("b")+`"}`)
	l.token("old", 1, TokenCreated, `{"role":"viewer","hash":"`+hexHash("c")+`"}`)
	l.do(system, l.submit(task.Submit{Type: "SLEEP"}), task.Cancel{})
	l.token("old", 2, TokenRevoked, `{}`)
	l.token("ci", 2, TokenRevoked, `{}`)
	l.token("ci", 3, TokenCreated, `{"role":"worker","queues":["q"],"hash":"`+hexHash("d")+`"}`)
	v := foldedAnyWay(t, l)
	all := v.Tokens()
	var names []string
	for _, one := range all.All() {
		names = append(names, one.Name+" "+string(one.Role))
	}
	if diff := cmp.Diff([]string{"ci worker", "root admin"}, names); diff != "" {
		t.Error(diff)
	}
	for secret, want := range map[string]string{"a": "root", "b": "", "c": "", "d": "ci", "e": ""} {
		got := ""
		if found := all.Find(sha256.Sum256([]byte(secret))); found != nil {
			got = found.Name
		}
		if got != want {
			t.Errorf("%s finds %q, not %q", secret, got, want)
		}
	}
	ci := all.Find(sha256.Sum256([]byte("d")))
	if !ci.Allows("X", "q") || ci.Allows("X", "p") || !ci.Limited() {
		t.Errorf("limits of %+v", ci.Token)
	}
	if version := v.StreamVersion("token:old"); version != 2 {
		t.Error(version)
	}
}

func TestRevokingATokenEndsItsContextAndNoOther(t *testing.T) {
	l := newLedger(t)
	l.token("a", 1, TokenCreated, `{"role":"admin","hash":"`+hexHash("a")+`"}`)
	l.token("b", 1, TokenCreated, `{"role":"admin","hash":"`+hexHash("b")+`"}`)
	v := apply(t, New(), l.events)
	a, b := v.Tokens().Find(sha256.Sum256([]byte("a"))), v.Tokens().Find(sha256.Sum256([]byte("b")))
	n := len(l.events)
	l.token("b", 2, TokenRevoked, `{}`)
	apply(t, v, l.events[n:])
	if a.Revoked().Err() != nil || b.Revoked().Err() == nil {
		t.Error(a.Revoked().Err(), b.Revoked().Err())
	}
}

func TestEventsOfTokensThatCannotFollowAreRefused(t *testing.T) {
	good := `{"role":"admin","hash":"` + hexHash("a") + `"}`
	for name, c := range map[string]struct {
		kind, data string
		want       error
	}{
		"revoked twice": {TokenRevoked, `{}`, task.ErrIllegal},
		"no role":       {TokenCreated, `{"hash":"` + hexHash("a") + `"}`, task.ErrData},
		"other role":    {TokenCreated, `{"role":"root","hash":"` + hexHash("a") + `"}`, task.ErrData},
		"short hash":    {TokenCreated, `{"role":"admin","hash":"00"}`, task.ErrData},
		"no JSON":       {TokenCreated, `{`, task.ErrData},
	} {
		s := new(tokens)
		if err := s.apply(&eventlog.Event{Stream: "token:a", Type: c.kind, V: 1, Data: []byte(c.data)}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := new(tokens)
	twice := &eventlog.Event{Stream: "token:a", Type: TokenCreated, V: 1, Data: []byte(good)}
	if err := errors.Join(s.apply(twice)); err != nil {
		t.Fatal(err)
	}
	if err := s.apply(twice); !errors.Is(err, task.ErrIllegal) {
		t.Error(err)
	}
}

func TestEachRoleIncludesThoseBeforeIt(t *testing.T) {
	all := Roles()
	for i, a := range all {
		for k, b := range all {
			if a.Includes(b) != (i >= k) {
				t.Errorf("%s includes %s: %v", a, b, a.Includes(b))
			}
		}
	}
	if Role("").Includes(Viewer) || Role("root").Includes("root") || Admin.Includes("root") {
		t.Error("an unknown role includes something")
	}
}
