package projection

import (
	"iter"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A task that has not ended may depend on others. What a dependency is to it follows from the status that the other task has now:
// nothing is stored, so a restart, a follower and a rebuild come to the same. A change of a status costs as much as
// tasks depend on that one.

// dependencies are what a task that has not ended depends on.
type dependencies struct {
	edges      []edge
	open       int   // dependencies that have not ended
	impossible int   // dependencies that have ended otherwise than the task needs
	stranded   int32 // place in order.stranded, plus 1; 0 = it is not there
}

// edge is one dependency of a task.
type edge struct {
	from   *record
	to     *target
	at     int32 // in to.edges
	when   task.When
	anyway bool
	need   task.Need
}

// target is a task on which others depend that have not ended.
type target struct {
	status task.Status
	edges  []*edge
}

// held reports whether a dependency does not let the task start. Once it has started it does not wait again.
func (rec *record) held() bool {
	d := rec.dependencies
	return d != nil && d.open+d.impossible > 0 && rec.task.StartedAt == 0
}

// isStranded reports whether the task can never start, unless the task that it depends on is retried.
func (rec *record) isStranded() bool {
	d := rec.dependencies
	return d != nil && d.impossible > 0 && rec.task.Status == task.Pending && rec.task.StartedAt == 0
}

// attach notes what a task depends on that has become live. What has left memory is looked up. Errors: those of the view file.
func (v *Views) attach(rec *record) error {
	if rec.task.Status.Ended() || !rec.task.HasDependencies() || rec.dependencies != nil {
		return nil
	}
	links := rec.task.Links
	if links == nil {
		links = new(task.Links)
	}
	rec.dependencies = &dependencies{edges: make([]edge, 0, len(links.DependsOn)+2)}
	for i := range links.DependsOn {
		one := &links.DependsOn[i]
		if err := v.addEdge(rec, one.Task, one.When, links.RunAnyway); err != nil {
			return err
		}
	}
	if behind := links.Unique.Behind; behind != (ulid.ULID{}) {
		if err := v.addEdge(rec, behind, task.WhenEnded, true); err != nil {
			return err
		}
	}
	if workflow := rec.task.InWorkflow(); workflow != (ulid.ULID{}) {
		if err := v.addEdge(rec, workflow, task.WhenStarted, true); err != nil {
			return err
		}
	}
	v.order.strand(rec)
	return nil
}

// addEdge adds a dependency to those of a task, whose edges have room for it.
func (v *Views) addEdge(rec *record, on ulid.ULID, when task.When, anyway bool) error {
	to := v.order.targets[on]
	if to == nil {
		status, err := v.statusOf(on)
		if err != nil {
			return err
		}
		to = &target{status: status}
		v.order.targets[on] = to
	}
	d := rec.dependencies
	d.edges = append(d.edges, edge{from: rec, to: to, at: int32(len(to.edges)), when: when, anyway: anyway, need: when.Met(to.status, anyway)})
	e := &d.edges[len(d.edges)-1]
	to.edges = append(to.edges, e)
	d.count(e.need, 1)
	return nil
}

// statusOf is the status of a task, wherever it is. One that is not there counts as cancelled: it cannot come any more.
func (v *Views) statusOf(id ulid.ULID) (task.Status, error) {
	if rec := v.table.find(id); rec != nil {
		return rec.task.Status, nil
	}
	row := v.back[id]
	if row == nil && v.keeper != nil {
		var err error
		if row, err = v.keeper.fetch(id); err != nil {
			return task.None, err
		}
	}
	if row == nil {
		return task.Cancelled, nil
	}
	return row.Task.Status, nil
}

func (d *dependencies) count(need task.Need, n int) {
	switch need {
	case task.NeedOpen:
		d.open += n
	case task.NeedImpossible:
		d.impossible += n
	}
}

// detach forgets what a task depended on.
func (o *order) detach(rec *record) {
	d := rec.dependencies
	if d.stranded > 0 {
		o.unstrand(d)
	}
	for i := range d.edges {
		e := &d.edges[i]
		last := len(e.to.edges) - 1
		moved := e.to.edges[last]
		e.to.edges[e.at], moved.at = moved, e.at
		e.to.edges[last] = nil
		e.to.edges = e.to.edges[:last]
	}
	for i := range rec.task.DependsOn() {
		o.dropTarget(rec.task.Links.DependsOn[i].Task)
	}
	o.dropTarget(rec.task.Behind())
	o.dropTarget(rec.task.InWorkflow())
	rec.dependencies = nil
}

func (o *order) dropTarget(id ulid.ULID) {
	if to := o.targets[id]; to != nil && len(to.edges) == 0 {
		delete(o.targets, id)
	}
}

// follow updates what depends on the task, after its status may have changed, and what it depends on itself.
func (v *Views) follow(rec *record) {
	o := &v.order
	if len(o.targets) == 0 {
		return
	}
	if rec.dependencies != nil {
		if rec.task.Status.Ended() {
			o.detach(rec)
		} else {
			o.strand(rec)
		}
	}
	to := o.targets[rec.task.ID]
	if to == nil || to.status == rec.task.Status {
		return
	}
	to.status = rec.task.Status
	for _, e := range to.edges {
		need := e.when.Met(to.status, e.anyway)
		if need == e.need {
			continue
		}
		d := e.from.dependencies
		d.count(e.need, -1)
		d.count(need, 1)
		e.need = need
		o.strand(e.from)
		o.put(e.from)
	}
}

// strand puts a task into order.stranded, or takes it out.
func (o *order) strand(rec *record) {
	d := rec.dependencies
	switch stranded := rec.isStranded(); {
	case stranded && d.stranded == 0:
		o.stranded = append(o.stranded, rec)
		d.stranded = int32(len(o.stranded))
	case !stranded && d.stranded > 0:
		o.unstrand(d)
	}
}

func (o *order) unstrand(d *dependencies) {
	last := len(o.stranded) - 1
	moved := o.stranded[last]
	o.stranded[d.stranded-1], moved.dependencies.stranded = moved, d.stranded
	o.stranded[last] = nil
	o.stranded = o.stranded[:last]
	d.stranded = 0
}

// bringDependencies adds to back the tasks that have left memory and on which tasks depend that become live with the changes.
func (v *Views) bringDependencies(changes []Change, back map[ulid.ULID]*fileRow) (map[ulid.ULID]*fileRow, error) {
	var fresh map[ulid.ULID]bool // tasks that are submitted with the changes
	for _, c := range changes {
		for id := range v.dependenciesOf(&c, back) {
			if fresh == nil {
				fresh = submittedWith(changes)
			}
			if fresh[id] || back[id] != nil || v.has(id) {
				continue
			}
			row, err := v.keeper.fetch(id)
			if err != nil {
				return nil, err
			}
			if row == nil {
				continue
			}
			if back == nil {
				back = make(map[ulid.ULID]*fileRow)
			}
			back[id] = row
		}
	}
	return back, nil
}

func submittedWith(changes []Change) map[ulid.ULID]bool {
	fresh := make(map[ulid.ULID]bool, len(changes))
	for _, c := range changes {
		if c.Event.Type == task.EventSubmitted {
			fresh[c.ID] = true
		}
	}
	return fresh
}

// dependenciesOf goes through what a task depends on that becomes live with a change.
func (v *Views) dependenciesOf(c *Change, back map[ulid.ULID]*fileRow) iter.Seq[ulid.ULID] {
	return func(yield func(ulid.ULID) bool) {
		d := &c.Event.Data
		on, behind := d.DependsOn, d.UniqueBehind
		if c.Event.Type == task.EventRetried {
			t := v.peek(c.ID)
			if row := back[c.ID]; t == nil && row != nil {
				t = &row.Task
			}
			if t == nil {
				return
			}
			on, behind = t.DependsOn(), t.Behind()
		}
		for i := range on {
			if !yield(on[i].Task) {
				return
			}
		}
		if behind != (ulid.ULID{}) {
			yield(behind)
		}
	}
}

// OpenDependencies returns how many of the tasks that the task depends on do not let it start, and the first of them, at most limit.
// Both are zero for a task that waits for none. Any goroutine may ask.
func (v *Views) OpenDependencies(id ulid.ULID, limit int) (first []task.Dependency, open int) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rec := v.table.find(id)
	if rec == nil || rec.task.Status != task.Pending || !rec.held() {
		return nil, 0
	}
	first = make([]task.Dependency, 0, min(limit, len(rec.task.DependsOn())))
	for i := range rec.task.DependsOn() {
		if rec.dependencies.edges[i].need == task.NeedMet {
			continue
		}
		if open++; open <= limit {
			first = append(first, rec.task.Links.DependsOn[i])
		}
	}
	return first, open
}

// What follows is for the one goroutine that writes.

// Stranded goes through the pending tasks that cannot start any more, because a task that they depend on has ended otherwise
// than they need. Nothing may be applied while it runs.
func (v *Views) Stranded() iter.Seq[*task.Task] {
	return func(yield func(*task.Task) bool) {
		for _, rec := range v.order.stranded {
			if !yield(&rec.task) {
				return
			}
		}
	}
}

// Dependents goes through the tasks that have not ended and depend on one, in no order. Nothing may be applied while it runs.
func (v *Views) Dependents(id ulid.ULID) iter.Seq[*task.Task] {
	return func(yield func(*task.Task) bool) {
		to := v.order.targets[id]
		if to == nil {
			return
		}
		for _, e := range to.edges {
			if !yield(&e.from.task) {
				return
			}
		}
	}
}

// StatusOfDependency is the status of a task on which one depends that has not ended; task.None for others.
func (v *Views) StatusOfDependency(id ulid.ULID) task.Status {
	if to := v.order.targets[id]; to != nil {
		return to.status
	}
	return task.None
}
