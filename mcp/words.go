package mcp

import (
	"regexp"
	"strings"
)

// toolOf are the calls of the API that its refusals name, and the tools in their place. What has no tool keeps its call.
var toolOf = map[string]string{
	"GET /api/tasks":           "tasks",
	"GET /api/tasks/ID":        "task",
	"GET /api/tasks/ID/steps":  "history",
	"GET /api/tasks/ID/events": "history",
	"POST /api/tasks/submit":   "submit",
	"POST /api/tasks/ID/retry": "retry",
	"DELETE /api/tasks/ID":     "cancel",
	"GET /api/task-types":      "task_types",
	"GET /api/queues":          "queues",
	"GET /api/approvals":       "approvals",
	"GET /api/bulks":           "bulks",
	"GET /api/bulks/ID":        "bulks",
	"POST /api/tasks/bulk":     "bulk",
	"POST /api/bulks/ID/stop":  "stop_bulk",
	"POST /api/bulks/ID/undo":  "undo",
	"POST /api/undo":           "undo",
	"GET /api/log":             "what_changed",
}

var (
	apiCall = regexp.MustCompile(`(^|[.:] |\n)?((?:GET|POST|PUT|PATCH|DELETE) /api(?:/[\w{}-]*)*)(?:\?stream=([\w:]+))?`)
	anID    = regexp.MustCompile(`\{id\}|\b[0-9A-HJKMNP-TV-Z]{26}\b`)
)

// inTools says a refusal of the API in the words of the tools: with their names in place of calls, and without arguments that they lack.
func inTools(text string) string {
	text = strings.ReplaceAll(text, "Send the request with dry_run", "Call the tool bulk without expected_count")
	text = strings.ReplaceAll(text, "Check before you try again, or try again with the same idempotency key",
		"The tools what_changed and bulks show it; only a submit with an idempotency_key can be sent again without a look")
	var b strings.Builder
	last := 0
	for _, at := range apiCall.FindAllStringSubmatchIndex(text, -1) {
		name := toolOf[anID.ReplaceAllString(strings.TrimSuffix(text[at[4]:at[5]], "/"), "ID")]
		if name == "" {
			continue
		}
		the := "the tool "
		if at[2] >= 0 { // it begins a sentence
			the = "The tool "
		}
		b.WriteString(text[last:at[4]] + the + name)
		if last = at[1]; at[6] >= 0 {
			b.WriteString(" with the stream " + text[at[6]:at[7]])
		}
	}
	return b.String() + text[last:]
}
