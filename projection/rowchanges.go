package projection

import (
	"cmp"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// otherMemory is how many of the latest events that are of no task are remembered, at least.
const otherMemory = 1024

// namedEvent is an event of a queue, a schedule or a bulk, by the name that it has in lists.
type namedEvent struct {
	seq        int64
	kind, name string
}

// recentOthers remembers the latest events of kinds whose lists are pushed.
type recentOthers struct {
	list []namedEvent // by seq
	lost int64        // seq of the latest event that it has forgotten
}

// listed are the kinds of streams whose lists are pushed, beside those of tasks.
var listed = []string{"queue", "schedule", "bulk", "alert", "webhook"}

// changedApproval is the kind of a task that has begun or ended to wait for a person, by its id.
const changedApproval = "approval"

// deletedSchedule is the kind of an event that has deleted a schedule: it is noted by the schedule's name, others by its id.
const deletedSchedule = "deleted schedule"

// note remembers an event. s has the state before it.
func (r *recentOthers) note(e *eventlog.Event, s streams) {
	kind, name, _ := strings.Cut(e.Stream, ":")
	if !slices.Contains(listed, kind) {
		return
	}
	if e.Type == "schedule.deleted" {
		kind, name = deletedSchedule, foldIn[*schedules](s).nameOf(name)
	}
	r.add(namedEvent{e.Seq, kind, strings.Clone(name)})
}

func (r *recentOthers) add(e namedEvent) {
	if len(r.list) == 2*otherMemory {
		r.lost = r.list[otherMemory-1].seq
		r.list = append(r.list[:0], r.list[otherMemory:]...)
	}
	r.list = append(r.list, e)
}

// since names the streams of a kind that have events after a seq, each once. known is false if it is too far back.
func (r *recentOthers) since(kind string, after int64) (names []string, known bool) {
	for i := len(r.list) - 1; i >= 0 && r.list[i].seq > after; i-- {
		if e := &r.list[i]; e.kind == kind && !slices.Contains(names, e.name) {
			names = append(names, e.name)
		}
	}
	return names, after >= r.lost
}

// reachesBack reports whether the views know each change after a seq. mu is held.
func (v *Views) reachesBack(after int64) bool {
	return v.Seq()-after <= recentSize && after >= v.loaded
}

// ChangedQueues names the queues of which something has changed after a seq that a list of queues shows, those that are
// in no list any more too. known is false if the seq is too far back to say: then the reader must fetch the list again.
func (v *Views) ChangedQueues(after int64) (names []string, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !v.reachesBack(after) {
		return nil, false
	}
	if names, known = v.others.since("queue", after); !known {
		return nil, false
	}
	for g, moved := range v.order.moved {
		if moved > after {
			names = append(names, v.counts.names[g].queue)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// ChangedSchedules names the schedules that have changed after a seq, or whose latest task has, those that were deleted
// too. known is that of ChangedQueues.
func (v *Views) ChangedSchedules(after int64) (names []string, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !v.reachesBack(after) || after < v.evicted {
		return nil, false
	}
	found, known := v.others.since("schedule", after)
	if !known {
		return nil, false
	}
	names, _ = v.others.since(deletedSchedule, after)
	for _, s := range foldIn[*schedules](v.streams).List {
		id, _ := task.ParseID(s.latestTask())
		rec := v.table.find(id)
		if slices.Contains(found, s.ID) || rec != nil && rec.task.LastSeq > after {
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// ChangedBulks lists the ids of the bulks that have changed after a seq. known is that of ChangedQueues.
func (v *Views) ChangedBulks(after int64) (ids []string, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !v.reachesBack(after) {
		return nil, false
	}
	ids, known = v.others.since("bulk", after)
	all := foldIn[*bulks](v.streams)
	for _, id := range slices.Clone(ids) { // an undo changes the bulk that it takes back too
		if at := all.find(id); at >= 0 && all.List[at].Undoes != "" && !slices.Contains(ids, all.List[at].Undoes) {
			ids = append(ids, all.List[at].Undoes)
		}
	}
	return ids, known
}

// ChangedApprovals lists the tasks that wait for a person of those that have begun to after a seq, the first to do so first, and the
// ids of those that do so no more. known is that of ChangedQueues.
func (v *Views) ChangedApprovals(after int64) (waiting []task.Task, gone []string, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !v.reachesBack(after) {
		return nil, nil, false
	}
	ids, known := v.others.since(changedApproval, after)
	for _, name := range slices.Backward(ids) {
		id, _ := task.ParseID(name)
		if rec := v.table.find(id); rec != nil && rec.wait != nil && rec.wait.Kind == task.StepApproval {
			waiting = append(waiting, rec.task)
		} else {
			gone = append(gone, name)
		}
	}
	slices.SortFunc(waiting, func(a, b task.Task) int { return cmp.Compare(a.Waits().Seq, b.Waits().Seq) })
	return waiting, gone, known
}

// DeletedAlerts names the alerts that were deleted after a seq and are not there now. known is that of ChangedQueues.
func (v *Views) DeletedAlerts(after int64) (names []string, known bool) {
	return v.deleted("alert", after, func(name string) bool { _, found := foldIn[*alerts](v.streams).find(name); return found })
}

// DeletedWebhooks is the same for webhooks.
func (v *Views) DeletedWebhooks(after int64) (names []string, known bool) {
	return v.deleted("webhook", after, func(name string) bool { _, found := foldIn[*webhooks](v.streams).find(name); return found })
}

func (v *Views) deleted(kind string, after int64, exists func(name string) bool) (names []string, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !v.reachesBack(after) {
		return nil, false
	}
	names, known = v.others.since(kind, after)
	return slices.DeleteFunc(names, exists), known
}

// ChangedWorkflows lists the workflows that have changed after a seq, or of which a task has, as they are now, at most
// limit. known is that of ChangedQueues; it is false too if there are more.
func (v *Views) ChangedWorkflows(after int64, limit int) (workflows []task.Task, known bool) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if !v.reachesBack(after) || after < v.evicted {
		return nil, false
	}
	seen := make(map[ulid.ULID]bool)
	for s := v.Seq(); s > max(after, 0); s-- {
		rec := v.recent.at(s)
		if rec == nil || rec.gone {
			continue
		}
		if whole := rec.task.InWorkflow(); whole != (ulid.ULID{}) {
			rec = v.table.find(whole)
		}
		if rec == nil || !rec.task.IsWorkflow() || seen[rec.task.ID] {
			continue
		}
		if len(workflows) == limit {
			return nil, false
		}
		seen[rec.task.ID] = true
		workflows = append(workflows, rec.task)
	}
	return workflows, true
}
