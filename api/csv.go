package api

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"daybook/internal/jsontext"
	"daybook/task"
)

var csvColumns = []string{"id", "task_type", "status", "created_at", "started_at", "completed_at", "progress",
	"progress_message", "parameters", "result_data", "error_message", "queue", "priority", "run_at", "attempt",
	"max_attempts", "timeout_seconds", "tags", "idempotency_key", "worker", "version", "last_seq", "ready_at", "attempts_before_retry",
	"progress_reports", "subject", "outcome", "partial", "damaged", "unique_key", "retry_of", "retried_as", "replaced_by", "traceparent", "concurrency_key", "steps",
	"depends_on", "on_dependency_failure", "because", "parent_id", "child_name", "children", "workflow_id", "erased"}

// appendCSV appends a record as RFC 4180. Summaries lack two columns. Every cell with a
// character that separates cells in some country's spreadsheet is quoted, so that none of
// them can split it.
func appendCSV(dst []byte, record []string, as shape) []byte {
	if as == summary {
		record = append(record[:8:8], record[10:]...)
	}
	for i, cell := range record {
		if i > 0 {
			dst = append(dst, ',')
		}
		if !strings.ContainsAny(cell, ",;|\t\"\r\n") && strings.TrimSpace(cell) == cell {
			dst = append(dst, cell...)
			continue
		}
		dst = append(dst, '"')
		dst = append(dst, strings.ReplaceAll(cell, `"`, `""`)...)
		dst = append(dst, '"')
	}
	return append(dst, "\r\n"...)
}

func csvRecord(r *row) []string {
	t := r.task
	var notes task.Notes
	if t.Notes != nil {
		notes = *t.Notes
	}
	record := []string{
		t.Name(), harmless(t.Type), t.Status.String(), csvMoment(t.CreatedAt), csvMoment(t.StartedAt), csvMoment(t.CompletedAt),
		string(jsontext.AppendHundredths(nil, t.Progress)), csvText(r.message), harmless(string(r.parameters)), harmless(string(r.result)),
		csvText(r.failure), harmless(t.Queue), strconv.Itoa(t.Priority), csvMoment(t.RunAt), strconv.Itoa(t.Attempt),
		strconv.Itoa(t.MaxAttempts), csvSpan(t.Timeout), harmless(strings.Join(t.Tags(), ",")), harmless(t.IdempotencyKey()),
		harmless(t.Held().Worker), itoa(t.Version), itoa(t.LastSeq),
		csvMoment(t.ReadyAt), strconv.Itoa(int(t.AttemptBase)), itoa(int64(t.Reports)),
		harmless(notes.Subject), harmless(notes.Outcome), strconv.FormatBool(notes.Partial),
		strings.Join(r.damaged.names(), ","),
	}
	record = append(append(record, csvLinks(t)...), harmless(t.ConcurrencyKey), strconv.Itoa(t.StepCount()))
	kin := t.KinNow()
	return append(append(record, csvDependencies(t)...), csvID(kin.Parent), harmless(kin.Name), strconv.Itoa(kin.Children), csvID(t.InWorkflow()), strconv.FormatBool(t.Erased))
}

// harmless keeps a spreadsheet from running a cell as a formula: such a cell gets an
// apostrophe in front (OWASP, "CSV Injection"). Spaces before the sign and its full-width
// form are no protection: some spreadsheets trim the ones and understand the other.
func harmless(cell string) string {
	switch first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(cell, unicode.IsSpace)); first {
	case '=', '+', '-', '@', '＝', '＋', '－', '＠':
		return "'" + cell
	}
	if cell != "" && strings.IndexByte("\t\r\n", cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

// csvText is the text of a JSON string.
func csvText(quoted []byte) string {
	if len(quoted) < 2 || quoted[0] != '"' {
		return ""
	}
	return harmless(jsontext.Unquote(quoted))
}

func csvMoment(at task.Micros) string {
	if at == 0 {
		return ""
	}
	return string(jsontext.AppendTime(nil, int64(at)))
}

func csvSpan(span task.Micros) string {
	if span == 0 {
		return ""
	}
	return string(jsontext.AppendSeconds(nil, int64(span)))
}
