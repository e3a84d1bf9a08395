package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// send sends a change to the API and reads its answer.
func (c *caller) send(ctx context.Context, method, path string, body any, into any, headers ...string) (http.Header, error) {
	a, err := c.do(ctx, method, path, body, headers...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(a.body.Bytes(), into); err != nil {
		return nil, fmt.Errorf("decode the answer to %s %s: %w", method, path, err)
	}
	return a.header, nil
}

// mostTag is the most characters of a tag.
const mostTag = 64

func submitTask(ctx context.Context, c *caller, args arguments) (any, error) {
	wait, err := args.number("wait_seconds", 0, 0, mostWait)
	if err != nil {
		return nil, err
	}
	body := args.only("task_type", "parameters", "queue", "priority", "delay_seconds", "run_at", "max_attempts", "timeout_seconds", "subject", "idempotency_key")
	tags := []string{}
	if value, given := args["tags"]; given && json.Unmarshal(value, &tags) != nil {
		return nil, &refusal{"tags must be a list of strings."}
	}
	tag := "agent:" + strings.ReplaceAll(c.agent, " ", "/")
	body["tags"] = append(tags, tag[:min(len(tag), mostTag)])
	var t map[string]json.RawMessage
	if _, err := c.send(ctx, http.MethodPost, "/api/tasks/submit", body, &t, waits(wait)...); err != nil {
		return nil, err
	}
	return shortened(t, mostValue), nil
}

func retryTask(ctx context.Context, c *caller, args arguments) (any, error) {
	id, reason, err := args.change("id", c)
	if err != nil {
		return nil, err
	}
	var t map[string]json.RawMessage
	if _, err := c.send(ctx, http.MethodPost, at("/api/tasks/", id, "/retry"), map[string]any{"reason": reason}, &t); err != nil {
		return nil, err
	}
	return shortened(t, mostValue), nil
}

func cancelTask(ctx context.Context, c *caller, args arguments) (any, error) {
	id, reason, err := args.change("id", c)
	if err != nil {
		return nil, err
	}
	var done map[string]json.RawMessage
	header, err := c.send(ctx, http.MethodDelete, at("/api/tasks/", id, "?")+url.Values{"reason": {reason}}.Encode(), nil, &done)
	if err != nil {
		return nil, err
	}
	done["seq"] = json.RawMessage(header.Get("X-Log-Seq"))
	return done, nil
}

func undo(ctx context.Context, c *caller, args arguments) (any, error) {
	bulk, err := args.text("bulk")
	if err != nil {
		return nil, err
	}
	reason, err := args.reason(c)
	if err != nil {
		return nil, err
	}
	body, path := args.only("seq"), "/api/undo"
	if (bulk == "") == (len(body) == 0) {
		return nil, &refusal{"Give seq, the number of an event, or bulk, the id of a bulk."}
	}
	if bulk != "" {
		path = at("/api/bulks/", bulk, "/undo")
	}
	body["reason"] = reason
	var done json.RawMessage
	_, err = c.send(ctx, http.MethodPost, path, body, &done, waits(mostWait)...)
	return done, err
}

// bulk previews a bulk, or starts it if the preview was seen.
func bulk(ctx context.Context, c *caller, args arguments) (any, error) {
	reason, err := args.reason(c)
	if err != nil {
		return nil, err
	}
	body := args.only("action", "filter", "priority", "run_at", "expected_count")
	_, seen := body["expected_count"]
	body["dry_run"], body["reason"] = !seen, reason
	var done map[string]json.RawMessage
	if _, err := c.send(ctx, http.MethodPost, "/api/tasks/bulk", body, &done, waits(mostWait)...); err != nil {
		return nil, err
	}
	if !seen {
		done["note"], _ = json.Marshal("Nothing was changed. Show this to the user; then call bulk again with the same arguments and expected_count = matched.") // a string can be marshalled
	}
	return done, nil
}

func stopBulk(ctx context.Context, c *caller, args arguments) (any, error) {
	id, reason, err := args.change("id", c)
	if err != nil {
		return nil, err
	}
	var done json.RawMessage
	_, err = c.send(ctx, http.MethodPost, at("/api/bulks/", id, "/stop"), map[string]any{"reason": reason}, &done)
	return done, err
}

func answerApproval(ctx context.Context, c *caller, args arguments) (any, error) {
	step, err := args.needed("step")
	if err != nil {
		return nil, err
	}
	id, reason, err := args.change("task_id", c)
	if err != nil {
		return nil, err
	}
	body := args.only("approve", "answer")
	body["reason"] = reason
	var done json.RawMessage
	_, err = c.send(ctx, http.MethodPost, at("/api/tasks/", id, "/approvals/")+url.PathEscape(step), body, &done)
	return done, err
}
