package scheduler

import (
	"daybook/eventlog"
	"daybook/projection"
	"daybook/task"
)

// draft is what a round appends: entries with their events, and whom to tell what became of them.
type draft struct {
	entries []entry
	needs   []int               // of all entries: the earlier ones that they build on
	records []*eventlog.Event   // of all entries
	changes []projection.Change // one for each record
	starts  []start             // of all entries
	reports []report            // of all entries: those whose outcome they append
	served  []*offer            // workers that get tasks which start
	others  int                 // events that are not of tasks
	tally   tally               // of queues with a limit
	queues  map[string]bool     // whose pause or limits it changes
	sealed  []eventlog.Entry    // entries as the log takes them
}

// entry is an eventlog.Entry in the making: a stretch of the draft's records, appended
// all or none.
type entry struct {
	kind        entryKind
	actor       string
	reserve     bool
	from, to    int  // in draft.records and draft.changes
	first, last int  // in draft.starts or draft.reports
	need        int  // in draft.needs: where those of this entry begin
	apart       bool // nothing joins it
	after       func(error)
}

type entryKind uint8

const (
	single  entryKind = iota // after is called once its outcome is known
	starts                   // tasks that start, see draft.starts; grows while it is the last
	reports                  // what attempts report, see draft.reports; grows while it is the last
)

// start is a task that starts.
type start struct {
	node    *node
	started task.Task   // as it starts
	event   *task.Event // that says so
	offer   *offer      // of the worker that gets it; nil = it runs in this process
	slot    slot        // that it runs in there
	lease   *lease      // that the worker gets it by
}

// begin puts an entry into the draft, to which add gives events. reserve says that it is
// the end of some work. after may be nil; it is called once the outcome is known and in
// the views.
func (d *draft) begin(actor string, reserve bool, after func(error)) {
	d.entries = append(d.entries, entry{
		kind: single, actor: actor, reserve: reserve, after: after, from: len(d.records), to: len(d.records), need: len(d.needs),
	})
}

// join extends the latest entry if it is of that kind, else it begins a new one. With apart it
// always begins one, and nothing joins it.
func (d *draft) join(kind entryKind, reserve, apart bool) {
	if n := len(d.entries); n > 0 && !apart {
		if e := &d.entries[n-1]; e.kind == kind && e.reserve == reserve && !e.apart {
			return
		}
	}
	d.begin(ActorScheduler, reserve, nil)
	e := d.latest()
	e.kind, e.first, e.apart = kind, len(d.starts), apart
	if kind == reports {
		e.first = len(d.reports)
	}
	e.last = e.first
}

// latest is the entry that add gives to.
func (d *draft) latest() *entry { return &d.entries[len(d.entries)-1] }

// addStart adds a task that the latest entry starts.
func (d *draft) addStart(s start) {
	d.starts = append(d.starts, s)
	d.latest().last = len(d.starts)
}

// addReport adds a report whose outcome is in the latest entry.
func (d *draft) addReport(r report) {
	d.reports = append(d.reports, r)
	d.latest().last = len(d.reports)
}

// seal makes of the entries what the log takes, decided on what it holds up to base.
func (d *draft) seal(base int64) {
	for _, o := range d.served {
		o.sealed = true
	}
	d.sealed = d.sealed[:0]
	for i := range d.entries {
		e := &d.entries[i]
		needs := d.needs[e.need:]
		if i+1 < len(d.entries) {
			needs = d.needs[e.need:d.entries[i+1].need]
		}
		records := d.records[e.from:e.to:e.to]
		d.sealed = append(d.sealed, eventlog.Entry{
			Events: records, Reserve: e.reserve, Needs: needs,
			Expect: eventlog.NothingAfter(base),
		})
	}
}

// reset empties the draft and keeps its memory.
func (d *draft) reset() {
	d.entries, d.needs, d.sealed = emptied(d.entries), emptied(d.needs), emptied(d.sealed)
	d.records, d.changes = emptied(d.records), emptied(d.changes)
	d.starts, d.reports, d.served = emptied(d.starts), emptied(d.reports), emptied(d.served)
	d.others = 0
	clear(d.tally)
	clear(d.queues)
}
