package client_test

import (
	"errors"
	"testing"

	"daybook/client"
)

// JSON that is sent as it is goes on at the next address if it has an idempotency key, in the header or in the text, and only then.
func TestJSONIsSentAgainOnlyWithAKey(t *testing.T) {
	const sleep = `"task_type":"SLEEP","parameters":{"seconds":0}`
	for name, c := range map[string]struct {
		do    func(c *client.Client) error
		again bool
	}{
		"key beside": {func(c *client.Client) error { return one(c.SubmitJSON(t.Context(), []byte(`{`+sleep+`}`), "a")) }, true},
		"key in text": {func(c *client.Client) error {
			return one(c.SubmitJSON(t.Context(), []byte(`{"idempotency_key":"b",`+sleep+`}`), ""))
		}, true},
		"no key": {func(c *client.Client) error { return one(c.SubmitJSON(t.Context(), []byte(`{`+sleep+`}`), "")) }, false},
		"batch, keys": {func(c *client.Client) error {
			return one(c.SubmitBatchJSON(t.Context(), []byte(`[{"idempotency_key":"c",`+sleep+`}]`), true))
		}, true},
		"batch, no key": {func(c *client.Client) error {
			return one(c.SubmitBatchJSON(t.Context(), []byte(`[{`+sleep+`}]`), false))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			all, _, both := addresses(t, 2)
			all[0].does(reset)
			err := c.do(both)
			if c.again && err != nil || !c.again && !errors.Is(err, client.ErrOutcomeUnknown) {
				t.Errorf("%v", err)
			}
			if sent := all[1].calls.Load() > 0; sent != c.again {
				t.Errorf("the second address was asked: %v", sent)
			}
		})
	}
}

// one is the error of a call.
func one[T any](_ T, err error) error { return err }
