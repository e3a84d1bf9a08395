package task

import "strconv"

// version is what a schema version of an event's data adds to the version before.
type version struct {
	adds   int         // number of fields, at the end of fieldsOf
	upcast func(*Data) // turns data of the version before into data of this one; addition if nothing
}

// versions lists the schema versions of each type, from the second on. A new version comes at the
// end, with the fields that it adds and its upcast; no line is ever changed.
var versions = [typeCount][]version{
	EventSubmitted: {
		{1, addition},       // v 2: clock
		{1, addition},       // v 3: file_names
		{5, addition},       // v 4: unique_key to retry_of
		{2, subjectOfFiles}, // v 5: subject, subject_given
		{1, addition},       // v 6: concurrency_key
		{1, addition},       // v 7: traceparent
		{2, addition},       // v 8: depends_on, run_anyway
		{9, addition},       // v 9: parent_id to children
	},
	EventStarted: {{1, addition}}, // v 2: charge
	EventCancelled: {
		{1, addition}, // v 2: replaced_by
		{1, addition}, // v 3: because
	},
	EventSucceeded: {{2, addition}}, // v 2: outcome, partial
	EventRetried: {
		{2, addition}, // v 2: run_at, clock
		{1, addition}, // v 3: as
		{1, addition}, // v 4: waits
	},
	EventSnoozed: {
		{1, addition}, // v 2: clock
		{1, addition}, // v 3: backoff
	},
	EventProgressed:   {{1, addition}}, // v 2: trusted
	EventLeaseExpired: {{2, addition}}, // v 2: suspicion, deaths
	EventStepRecorded: {{1, addition}}, // v 2: children
	EventSuspended:    {{1, addition}}, // v 2: of
}

// additive is the schema version from which on all upcasts of a type are additions, 1 if it is not listed.
var additive = [typeCount]int{EventSubmitted: 5}

// versionFor is the first schema version of a type that has its first n fields, and from which on all upcasts are additions.
func versionFor(t EventType, n int) int {
	v := t.SchemaVersion()
	for has := len(fieldsOf[t]); v > max(additive[t], 1); v-- {
		if has -= versions[t][v-2].adds; has < n {
			break
		}
	}
	return v
}

// addition is the upcast to a version that only adds fields: at zero they mean what the version
// before meant.
func addition(*Data) {}

// subjectOfFiles is the upcast of task.submitted to v 5, which has the subject. Before, the subject
// of a task was the names of its files: the first by name, the others by number.
func subjectOfFiles(d *Data) {
	names := d.FileNames
	if len(names) == 0 || names[0] == "" {
		return
	}
	d.Subject = names[0]
	if len(names) > 1 {
		d.Subject += " and " + strconv.Itoa(len(names)-1) + " more"
	}
}

// fieldsIn lists the fields of schema version v of a type, nil if there is no such version.
func fieldsIn(t EventType, v int) []*field {
	all, later := fieldsOf[t], versions[t]
	if v < 1 || v > 1+len(later) {
		return nil
	}
	n := len(all)
	for _, version := range later[v-1:] {
		n -= version.adds
	}
	return all[:n:n]
}
