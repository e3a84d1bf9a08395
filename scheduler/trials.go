package scheduler

import (
	"cmp"
	"slices"
	"time"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// When a process dies while several attempts run, any of them may have killed it. None is
// blamed: all are suspects, and get their attempt back. After the next start they are tried
// before all else, one at a time, and nothing is started beside one that is on trial. One that has
// run for the length of its trial is trusted: it goes on, and the next is tried beside it. So the one that
// kills the process is, sooner or later, alone with it, and only then a death is counted. See
// docs/adr/0019.

const (
	// shortestTrial is how long a suspect runs alone at first. It doubles with each further
	// death of a process that it ran in.
	shortestTrial = 2 * time.Second
	longestTrial  = 15 * time.Minute
	// mostTrials is how many trials equal suspects get at one start: many are tried in groups,
	// which become smaller with each death.
	mostTrials = 16
)

// trials is who is on trial and who is to be tried next. The loop owns it.
type trials struct {
	on     map[ulid.ULID]bool
	group  []ulid.ULID   // those to be started beside the ones on trial
	groups [][]ulid.ULID // those to be tried after them

	starting bool // one of the group is being started: it gets a slot, all others wait
}

// going reports whether ordinary tasks have to wait.
func (r *trials) going() bool { return len(r.on)+len(r.group)+len(r.groups) > 0 }

// findSuspects looks for the ready tasks that are to be tried: the worst first.
func (l *loop) findSuspects() {
	wall := task.MicrosOf(time.Now())
	l.s.o.Views.Promote(wall)
	var suspects []*task.Task
	for state := range l.s.o.Views.Ready(func(taskType, _ string) bool { return l.s.o.Runner.Runs(taskType) }) {
		if state.Suspect() {
			suspects = append(suspects, state)
		}
	}
	slices.SortStableFunc(suspects, func(a, b *task.Task) int {
		return cmp.Or(cmp.Compare(b.Deaths, a.Deaths), cmp.Compare(b.Suspicion, a.Suspicion))
	})
	for len(suspects) > 0 {
		equal := slices.IndexFunc(suspects, func(s *task.Task) bool {
			return s.Suspicion != suspects[0].Suspicion || s.Deaths != suspects[0].Deaths
		})
		if equal < 0 {
			equal = len(suspects)
		}
		size := 1
		if suspects[0].Deaths == 0 {
			size = (equal + mostTrials - 1) / mostTrials
		}
		for some := range slices.Chunk(suspects[:equal], size) {
			var group []ulid.ULID
			for _, s := range some {
				group = append(group, s.ID)
			}
			l.trials.groups = append(l.trials.groups, group)
		}
		suspects = suspects[equal:]
	}
	if n := len(l.trials.groups); n > 0 {
		l.s.o.Logger.Warn("the process before died while tasks ran; they are tried one after the other", "trials", n)
	}
}

// next returns the task that is to start next, nil if there is none: suspects before all
// others, and nobody beside one on trial but the rest of its group.
func (l *loop) next(rd *round) *task.Task {
	r := &l.trials
	for r.starting = false; l.slots.used < l.s.o.Concurrency; {
		for len(r.group) > 0 {
			id := r.group[0]
			r.group = r.group[1:]
			s := rd.get(id)
			r.starting = s != nil && s.Status == task.Pending && s.Suspect() && s.Due(rd.wall) && l.s.o.Runner.Runs(s.Type)
			if r.starting && rd.mayStart(s) && !rd.holdsKey(s) {
				return s
			}
		}
		r.starting = false
		if len(r.on) > 0 || len(r.groups) == 0 {
			break
		}
		r.group, r.groups = r.groups[0], r.groups[1:]
	}
	return l.nextReady(rd) // while trials go on, for workers alone
}

// putOnTrial puts a task that starts on trial if it is a suspect.
func (l *loop) putOnTrial(s *task.Task) {
	if s.Suspect() {
		l.trials.on[s.ID] = true
	}
}

// undoTrials takes back that tasks start: those on trial are the first to be tried again.
func (l *loop) undoTrials(starts []start) {
	var group []ulid.ULID
	for i := range starts {
		if id := starts[i].started.ID; l.trials.on[id] {
			delete(l.trials.on, id)
			group = append(group, id)
		}
	}
	l.trials.group = append(group, l.trials.group...)
}

// trialOf is how long the suspect is to run alone.
func trialOf(s *task.Task) time.Duration {
	trial := shortestTrial
	for i := uint8(1); i < s.Suspicion && trial < longestTrial; i++ {
		trial *= 2
	}
	return min(trial, longestTrial)
}

// watchTrial tells the loop when the trial of an attempt is over.
func (a *attempt) watchTrial(after time.Duration) {
	time.AfterFunc(after, func() {
		a.mu.Lock()
		finished := a.finished
		a.mu.Unlock()
		if !finished {
			a.s.send(report{kind: survived, attempt: a})
		}
	})
}

// endTrial ends the trial of an attempt that has survived it. The trial continues while nothing can be appended.
func (l *loop) endTrial(rd *round, r report) {
	a := r.attempt
	if l.takesNoWork() {
		a.watchTrial(fullProbe)
		return
	}
	delete(l.trials.on, a.id)
	state := rd.get(a.id)
	decided, refusal := rd.decideOn(state, task.Progress{
		Fence: a.fence, Percent: r.progress.Percent, Message: r.progress.Message, Trusted: true,
	})
	if refusal != nil { // it is being cancelled
		rd.replies = append(rd.replies, func(err error) { l.reportDecided(r, err) })
		return
	}
	rd.join(reports, false, false)
	rd.addOf(a, state, decided)
	rd.addReport(r)
}
