package viewfile

import "strings"

// Table is a table or view of the file.
type Table struct {
	Name, About string
	Columns     []TableColumn
}

// TableColumn is one column of a table. The columns of a view have no type.
type TableColumn struct{ Name, Type, About string }

// tasksColumns are the columns of the view tasks.
var tasksColumns = []TableColumn{
	{"id", "", "ULID"},
	{"status", "", "PENDING, RUNNING, SUCCESS, FAILED or CANCELLED"},
	{"type", "", "task type"},
	{"queue", "", "queue"},
	{"priority", "", "a point counts as having waited 5 minutes longer"},
	{"subject", "", "which task it is, one line"},
	{"outcome", "", "its result, one line"},
	{"tags", "", "JSON array"},
	{"progress", "", "percent"},
	{"attempt", "", "attempts that count, since the last retry by a user"},
	{"max_attempts", "", "maximum number of attempts"},
	{"created_at", "", "UTC, as 2027-01-31T08:00:00.123Z"},
	{"started_at", "", "start of the latest attempt"},
	{"completed_at", "", "end"},
	{"run_at", "", "requested start"},
	{"run_seconds", "", "completed_at - started_at"},
	{"worker", "", "name of the worker that runs it"},
	{"idempotency_key", "", "idempotency key"},
	{"concurrency_key", "", "concurrency key"},
	{"parent_id", "", "id of its parent"},
	{"retry_of", "", "id of the task that it retries"},
	{"submit_seq", "", "seq of its task.submitted"},
	{"last_seq", "", "seq of its latest event"},
}

// Tables returns the tables and views of the file, with the comments of schema.sql.
func Tables() []Table {
	tables := []Table{{"tasks", "All tasks. Missing values are NULL.", tasksColumns}}
	var about []string
	open := false
	for line := range strings.Lines(schemaSQL) {
		line = strings.TrimSpace(line)
		comment, isComment := strings.CutPrefix(line, "--")
		name, isTable := strings.CutPrefix(line, "CREATE TABLE ")
		switch {
		case isTable:
			open = true
			tables = append(tables, Table{Name: strings.TrimSuffix(name, " ("), About: strings.Join(about, " ")})
		case open && strings.HasPrefix(line, ")"):
			open = false
		case open:
			t := &tables[len(tables)-1]
			t.Columns = append(t.Columns, columnsOf(line)...)
		case isComment:
			about = append(about, strings.TrimSpace(comment))
			continue
		}
		about = nil
	}
	return tables
}

// columnsOf returns the columns that a line of CREATE TABLE declares.
func columnsOf(line string) []TableColumn {
	if t := map[string]*table{"/*live*/": live, "/*ended*/": ended}[line]; t != nil {
		all := make([]TableColumn, len(t.columns))
		for i, c := range t.columns {
			kind, _, _ := strings.Cut(c.declared, " ")
			if kind == "PRIMARY" {
				kind = "INTEGER"
			}
			all[i] = TableColumn{c.name, kind, c.about}
		}
		return all
	}
	declared, about, _ := strings.Cut(line, "--")
	words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(declared), ","))
	if len(words) < 2 || words[0] == "PRIMARY" {
		return nil
	}
	return []TableColumn{{words[0], words[1], strings.TrimSpace(about)}}
}
