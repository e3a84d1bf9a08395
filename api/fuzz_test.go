package api

import (
	"bytes"
	stdcmp "cmp"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"daybook/intake"
	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
)

// submitJSON is what encoding/json makes of a submit: the reference of the fuzz test.
type submitJSON struct {
	Type       string          `json:"task_type"`
	Parameters json.RawMessage `json:"parameters"`
	Queue      *string         `json:"queue"`
	Priority   *float64        `json:"priority"`
	RunAt      *time.Time      `json:"run_at"`
	Delay      *float64        `json:"delay_seconds"`
	Attempts   *float64        `json:"max_attempts"`
	Backoff    *struct {
		Kind   *string  `json:"kind"`
		Base   *float64 `json:"base_seconds"`
		Max    *float64 `json:"max_seconds"`
		Jitter *bool    `json:"jitter"`
	} `json:"backoff"`
	Timeout *float64  `json:"timeout_seconds"`
	Tags    []*string `json:"tags"`
	Key     *string   `json:"idempotency_key"`
}

func FuzzWhatIsAcceptedIsWhatEncodingJSONReads(f *testing.F) {
	for _, seed := range []string{
		benchBody, benchDelayed, `{"task_type":"ECHO"}`,
		`{"task_type":"ECHO","parameters":{"n":1.50,"\u0061":"\ud83d\ude00"},"queue":"q","priority":-3,"run_at":"2099-01-02T03:04:05.5+01:00",
		"max_attempts":5e0,"backoff":{"kind":"linear","base_seconds":1.5,"max_seconds":1e2,"jitter":false},"timeout_seconds":0.001,"tags":["a","ü \"x\""],"idempotency_key":"k\u00e9"}`,
		`{"t\u0061sk_type":"ECHO","queue":null,"tags":null,"parameters":null,"backoff":{"kind":null}}`,
		`{"task_type":"ECHO","tags":[null]}`, `{"task_type":"ECHO","priority":1e-1}`, `[]`, `{"task_type":"ECHO","x":1}`,
	} {
		f.Add([]byte(seed))
	}
	in := &intake.Intake{Options: intake.Options{Types: &kit{}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		canonical, err := jsontext.Canonical(nil, body, maxDepth+1)
		if err != nil || bytes.Contains(canonical, []byte(`"file"`)) || bytes.Contains(canonical, []byte(`\u`)) && bytes.Contains(canonical, []byte("ile")) {
			return
		}
		var got task.Submit
		if in.Read(canonical, "", 1_000_000, &got) != nil || got.Validate() != nil {
			return
		}
		var want submitJSON
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&want); err != nil {
			t.Fatalf("accepted %q, but: %v", body, err)
		}
		compare(t, &got, &want)
	})
}

// compare fails unless both say the same.
func compare(t *testing.T, got *task.Submit, want *submitJSON) {
	t.Helper()
	micros := func(seconds *float64) task.Micros {
		if seconds == nil {
			return 0
		}
		return task.Micros(math.Round(*seconds * 1e6))
	}
	same := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	same("type", got.Type, want.Type)
	same("queue", got.Queue, stdcmp.Or(value(want.Queue), task.DefaultQueue))
	same("priority", float64(got.Priority), value(want.Priority))
	same("attempts", float64(got.MaxAttempts), stdcmp.Or(value(want.Attempts), task.DefaultAttempts))
	same("timeout", got.Timeout, micros(want.Timeout))
	same("key", got.IdempotencyKey, value(want.Key))
	runAt := task.Micros(0)
	if want.RunAt != nil {
		runAt = task.MicrosOf(*want.RunAt)
	} else if value(want.Delay) > 0 && micros(want.Delay) > 0 {
		runAt = 1_000_000 + micros(want.Delay)
	}
	same("run_at", got.RunAt, runAt)
	var tags []string
	for _, tag := range want.Tags {
		tags = append(tags, value(tag))
	}
	same("tags", strings.Join(got.Tags, "\x00"), strings.Join(tags, "\x00"))
	if want.Backoff != nil {
		b := want.Backoff
		if b.Kind != nil {
			same("backoff kind", got.Backoff.Kind.String(), *b.Kind)
		}
		if b.Base != nil {
			same("backoff base", got.Backoff.Base, micros(b.Base))
		}
		if b.Max != nil {
			same("backoff max", got.Backoff.Max, micros(b.Max))
		}
		same("jitter", got.Backoff.NoJitter, b.Jitter != nil && !*b.Jitter)
	}
	var kept, asked map[string]any
	if err := json.Unmarshal(got.Parameters, &kept); err != nil {
		t.Fatalf("%v in parameters %q", err, got.Parameters)
	}
	delete(kept, "made")
	_ = json.Unmarshal(want.Parameters, &asked)
	delete(asked, "made")
	if len(kept)+len(asked) > 0 {
		same("parameters", kept, asked)
	}
}

// value is what p points at, the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
