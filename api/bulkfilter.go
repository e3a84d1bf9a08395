package api

import (
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// readFilter reads the filter.
func (b *bulkRequest) readFilter(o object, value []byte) {
	s := &b.selection
	others := 0
	o.each(value, func(o object, key string, value []byte) bool {
		switch key {
		case "ids":
			s.IDs = o.ids(value)
		case "status":
			for _, name := range o.oneOrMore(value, 20) {
				if status, ok := task.ParseStatus(name); ok {
					s.Statuses = append(s.Statuses, status)
				} else {
					o.wrong("must be PENDING, RUNNING, SUCCESS, FAILED or CANCELLED")
				}
			}
		case "waiting":
			for _, name := range o.oneOrMore(value, 20) {
				if state, ok := projection.ParseWaitState(name); ok {
					s.Waiting = append(s.Waiting, state)
				} else {
					o.wrong("must be ready, scheduled, backoff, blocked or suspended")
				}
			}
		case "task_type":
			s.Types = o.validNames(value)
		case "queue":
			s.Queues = o.validNames(value)
		case "tag":
			s.Tags = o.oneOrMore(value, 256)
		case "q":
			if b.text = o.text(value, 0, 800); utf8Length(b.text) > 200 {
				o.wrong("must be at most 200 characters")
			}
		case "created_after":
			s.CreatedAfter = o.moment(value)
		case "created_before":
			s.CreatedBefore = o.moment(value)
		case "duration_min":
			s.MinRun = o.span(value, 0, 1e9)
		case "duration_max":
			s.MaxRun = o.span(value, 0, 1e9)
		default:
			return false
		}
		if key != "ids" {
			others++
		}
		return true
	})
	if s.IDs != nil && others > 0 {
		object{o.at + "/ids", o.bad}.wrong("goes with no other filter")
	}
}

// ids is a list of ids of tasks, each once.
func (o object) ids(value []byte) []ulid.ULID {
	list := []ulid.ULID{}
	seen := map[ulid.ULID]bool{}
	o.items(value, projection.MaxSelected, func(o object, value []byte) {
		name := o.text(value, 1, 100)
		id, ok := task.ParseID(name)
		if !ok && name != "" {
			o.wrong("must be the id of a task")
		}
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	})
	if len(list) == 0 {
		o.wrong("must have at least 1 item")
	}
	return list
}

// oneOrMore is a text or a list of texts. An empty text is none.
func (o object) oneOrMore(value []byte, most int) (list []string) {
	one := func(o object, value []byte) {
		if text := o.text(value, 0, most); text != "" {
			list = append(list, text)
		}
	}
	if jsontext.IsArray(value) {
		o.items(value, mostFilters, one)
	} else {
		one(o, value)
	}
	return list
}

// validNames is oneOrMore for names of queues or task types.
func (o object) validNames(value []byte) []string {
	list := o.oneOrMore(value, 64)
	for _, name := range list {
		if !task.ValidName(name) {
			o.wrong(task.NameRule)
			break
		}
	}
	return list
}
