package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	mostRows   = 50       // tasks of a page
	mostEvents = 100      // events of a page
	mostWait   = 30       // seconds
	mostValue  = 16 << 10 // bytes of a value of a task that is shown
	mostBrief  = 2 << 10  // bytes of a value of a task in a list
	mostFirst  = 10       // dependencies that are shown if all are too long
	mostOthers = 1 << 10  // bytes of an answer beside its rows
	mostBulks  = 20
)

// get reads JSON from the API.
func (c *caller) get(ctx context.Context, path string, query url.Values, into any, headers ...string) (http.Header, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	a, err := c.do(ctx, http.MethodGet, path, nil, headers...)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(a.body.Bytes(), into); err != nil {
		return nil, fmt.Errorf("decode the answer to GET %s: %w", path, err)
	}
	return a.header, nil
}

// filterKeys are the filters of a list that may have several values, and those that have one.
var filterKeys, singleKeys = []string{"status", "waiting", "task_type", "queue", "tag"}, []string{"q", "created_after", "created_before", "cursor"}

func listTasks(ctx context.Context, c *caller, args arguments) (any, error) {
	limit, err := args.number("limit", 20, 1, mostRows)
	if err != nil {
		return nil, err
	}
	query := url.Values{"fields": {"summary"}}
	for _, key := range filterKeys {
		if err := args.list(key, query); err != nil {
			return nil, err
		}
	}
	for _, key := range singleKeys {
		value, err := args.text(key)
		if err != nil {
			return nil, err
		}
		if value != "" {
			query.Set(key, value)
		}
	}
	rows, header, fewer, err := c.page(ctx, "/api/tasks", query, limit, mostBrief)
	if err != nil {
		return nil, err
	}
	result := map[string]any{"tasks": rows, "total": json.RawMessage(header.Get("X-Total-Count")), "total_is_exact": header.Get("X-Total-Count-Relation") == ""}
	if cursor := nextOf(header, "cursor"); cursor != "" {
		result["next_cursor"] = cursor
	}
	if fewer {
		result["note"] = noteFewer
	}
	if header.Get("X-Search-Truncated") != "" {
		result["note"] = "the search stopped after a second; older tasks were not searched"
	}
	return result, nil
}

const noteFewer = "these are fewer than asked for: more would be too long for an answer"

// page reads a page of rows without values of more than most bytes: limit of them, or as many as an answer has room for.
func (c *caller) page(ctx context.Context, path string, query url.Values, limit, most int) (rows []map[string]json.RawMessage, header http.Header, fewer bool, err error) {
	for {
		query.Set("limit", strconv.Itoa(limit))
		rows = []map[string]json.RawMessage{}
		if header, err = c.get(ctx, path, query, &rows); err != nil {
			return nil, nil, false, err
		}
		n := fitting(rows, most)
		if n == len(rows) {
			return rows, header, fewer, nil
		}
		limit, fewer = max(n, 1), true // the page is read again, for the link to the next one
	}
}

// fitting shortens rows and returns how many of them an answer has room for; at least one, which always fits.
func fitting(rows []map[string]json.RawMessage, most int) int {
	room := mostAnswer - mostOthers
	for i, row := range rows {
		delete(row, "hash") // of an event: only a verification needs these
		delete(row, "payload_hash")
		delete(row, "v")
		text, _ := json.Marshal(shortened(row, most)) // JSON can be marshalled
		if room -= len(text) + 1; room < 0 && i > 0 {
			return i
		}
	}
	return len(rows)
}

// list adds a list of strings to a query.
func (a arguments) list(key string, query url.Values) error {
	value, given := a[key]
	if !given || string(value) == "null" {
		return nil
	}
	var list []string
	if json.Unmarshal(value, &list) != nil {
		return &refusal{key + " must be a list of strings."}
	}
	for _, one := range list {
		query.Add(key, one)
	}
	return nil
}

// nextOf is the value of a key in the link to the next page, "" for none.
func nextOf(header http.Header, key string) string {
	link, _, found := strings.Cut(strings.TrimPrefix(header.Get("Link"), "<"), ">")
	if !found {
		return ""
	}
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get(key)
}

func showTask(ctx context.Context, c *caller, args arguments) (any, error) {
	id, err := args.needed("id")
	if err != nil {
		return nil, err
	}
	wait, err := args.number("wait_seconds", 0, 0, mostWait)
	if err != nil {
		return nil, err
	}
	return c.task(ctx, id, wait)
}

// task is a task without values that are too long to be shown.
func (c *caller) task(ctx context.Context, id string, wait int) (map[string]json.RawMessage, error) {
	var t map[string]json.RawMessage
	if _, err := c.get(ctx, at("/api/tasks/", id, ""), nil, &t, waits(wait)...); err != nil {
		return nil, err
	}
	return shortened(t, mostValue), nil
}

// waits are the headers that make the API wait for the end of something.
func waits(seconds int) []string {
	if seconds == 0 {
		return nil
	}
	return []string{"Prefer", "wait=" + strconv.Itoa(seconds)}
}

// shortened leaves out the values of a task or an event that have more than most bytes. Of dependencies the first ones stay.
func shortened(t map[string]json.RawMessage, most int) map[string]json.RawMessage {
	for name, value := range t {
		if len(value) <= most {
			continue
		}
		var all []json.RawMessage
		if name == "depends_on" && json.Unmarshal(value, &all) == nil && len(all) > mostFirst {
			t[name], _ = json.Marshal(all[:mostFirst]) // JSON can be marshalled
			t["depends_on_total"] = json.RawMessage(strconv.Itoa(len(all)))
			continue
		}
		t[name], _ = json.Marshal(fmt.Sprintf("left out: it has %d bytes", len(value))) // a string can be marshalled
	}
	return t
}

func taskHistory(ctx context.Context, c *caller, args arguments) (any, error) {
	id, err := args.needed("id")
	if err != nil {
		return nil, err
	}
	query, limit, err := args.page()
	if err != nil {
		return nil, err
	}
	query.Set("progress", "last")
	query.Set("payload", "texts")
	return c.events(ctx, at("/api/tasks/", id, "/events"), query, limit)
}

// page is the query of a page of events, and how many it has.
func (a arguments) page() (query url.Values, limit int, err error) {
	if limit, err = a.number("limit", 50, 1, mostEvents); err != nil {
		return nil, 0, err
	}
	after, err := a.number("after", 0, 0, 1<<53)
	if err != nil {
		return nil, 0, err
	}
	return url.Values{"after": {strconv.Itoa(after)}}, limit, nil
}

// events are events without what only a verification needs.
func (c *caller) events(ctx context.Context, path string, query url.Values, limit int) (any, error) {
	events, header, fewer, err := c.page(ctx, path, query, limit, mostValue)
	if err != nil {
		return nil, err
	}
	result := map[string]any{"events": events, "seq": json.RawMessage(header.Get("X-Log-Seq"))}
	if after := nextOf(header, "after"); after != "" {
		result["next_after"] = json.RawMessage(after)
	}
	if fewer {
		result["note"] = noteFewer
	}
	return result, nil
}

func whatChanged(ctx context.Context, c *caller, args arguments) (any, error) {
	if _, given := args["after"]; !given {
		var rows []json.RawMessage
		header, err := c.get(ctx, "/api/tasks", url.Values{"limit": {"1"}, "fields": {"summary"}}, &rows)
		if err != nil {
			return nil, err
		}
		note := "call it again with after = seq to see what has changed since"
		if c.limited {
			note += "; this token is for some queues or task types only, so name the tasks too: stream = [\"task:ID\"]"
		}
		return map[string]any{"events": []any{}, "seq": json.RawMessage(header.Get("X-Log-Seq")), "note": note}, nil
	}
	query, limit, err := args.page()
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"stream", "type"} {
		if err := args.list(key, query); err != nil {
			return nil, err
		}
	}
	return c.events(ctx, "/api/log", query, limit)
}

func whyWaiting(ctx context.Context, c *caller, args arguments) (any, error) {
	id, err := args.needed("id")
	if err != nil {
		return nil, err
	}
	t, err := c.task(ctx, id, 0)
	if err != nil {
		return nil, err
	}
	result := map[string]any{"id": t["id"], "status": t["status"], "waiting_for": t["waiting_for"], "run_at": t["run_at"], "attempt": t["attempt"], "max_attempts": t["max_attempts"]}
	var name string
	var queue json.RawMessage
	if json.Unmarshal(t["queue"], &name) == nil {
		if _, err := c.get(ctx, at("/api/queues/", name, ""), nil, &queue); err == nil { // a token for some queues may not see it
			result["queue"] = queue
		}
	}
	return result, nil
}

func taskTypes(ctx context.Context, c *caller, args arguments) (any, error) {
	name, err := args.text("name")
	if err != nil {
		return nil, err
	}
	var types []map[string]json.RawMessage
	if _, err := c.get(ctx, "/api/task-types", nil, &types); err != nil {
		return nil, err
	}
	short := []map[string]json.RawMessage{}
	for _, t := range types {
		if name != "" && string(t["name"]) == strconv.Quote(name) {
			return t, nil
		}
		short = append(short, map[string]json.RawMessage{"name": t["name"], "title": t["title"], "description": t["description"]})
	}
	if name != "" {
		return nil, &refusal{"There is no task type of that name. Call task_types without a name to list them."}
	}
	return map[string]any{"task_types": short}, nil
}

func listQueues(ctx context.Context, c *caller, _ arguments) (any, error) {
	queues := []json.RawMessage{}
	if _, err := c.get(ctx, "/api/queues", nil, &queues); err != nil {
		return nil, err
	}
	return map[string]any{"queues": queues[:min(len(queues), mostEvents)], "total": len(queues)}, nil
}

func listApprovals(ctx context.Context, c *caller, args arguments) (any, error) {
	limit, err := args.number("limit", 20, 1, mostRows)
	if err != nil {
		return nil, err
	}
	approvals := []json.RawMessage{}
	_, err = c.get(ctx, "/api/approvals", url.Values{"limit": {strconv.Itoa(limit)}}, &approvals)
	return map[string]any{"approvals": approvals}, err
}

func listBulks(ctx context.Context, c *caller, args arguments) (any, error) {
	id, err := args.text("id")
	if err != nil {
		return nil, err
	}
	wait, err := args.number("wait_seconds", 0, 0, mostWait)
	if err != nil {
		return nil, err
	}
	if id != "" {
		var one json.RawMessage
		_, err := c.get(ctx, at("/api/bulks/", id, ""), nil, &one, waits(wait)...)
		return one, err
	}
	bulks := []json.RawMessage{}
	_, err = c.get(ctx, "/api/bulks", nil, &bulks)
	return map[string]any{"bulks": bulks[:min(len(bulks), mostBulks)]}, err
}
