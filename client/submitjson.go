package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// SubmitJSON submits a task that is written as JSON, as POST /api/tasks/submit takes it. The text is sent as it is, so what it says of
// a zero, a null or a field of a newer server counts. key is the idempotency key, "" = that of the text, if it has one; without a key
// the submit is never repeated. Errors are those of Submit.
func (c *Client) SubmitJSON(ctx context.Context, body []byte, key string) (Submitted, error) {
	k := call{method: http.MethodPost, path: "/api/tasks/submit", body: text(body)}
	if key != "" {
		k.header = http.Header{"Idempotency-Key": {headerKey(key)}}
	}
	var own struct {
		Key string `json:"idempotency_key"`
	}
	k.again = json.Unmarshal(body, &own) == nil && own.Key != ""
	var out Submitted
	header, err := c.do(ctx, k, &out.Task)
	out.say(header)
	return out, err
}

// headerKey is a key as the header has it: as a string of RFC 8941 where a header would take something of it away.
func headerKey(key string) string {
	const taken = " \""
	if !strings.ContainsRune(taken, rune(key[0])) && !strings.ContainsRune(taken, rune(key[len(key)-1])) {
		return key
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
}

// SubmitBatchJSON submits up to 1,000 tasks in one commit, all or none, and returns them in order. body is an array, as POST
// /api/tasks/batch takes it, and is sent as it is. keyed says that each task has an idempotency key: otherwise the batch is never
// repeated.
func (c *Client) SubmitBatchJSON(ctx context.Context, body []byte, keyed bool) (tasks []Task, err error) {
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/api/tasks/batch", body: text(body), again: keyed}, &tasks)
	return tasks, err
}
