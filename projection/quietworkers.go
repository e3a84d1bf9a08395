package projection

import (
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// workerEvents are the events of the stream of a worker, "worker:NAME".
var workerEvents = map[string]int{
	WorkerQuieted: 1,
	WorkerResumed: 1,
}

// Types of the events of workers.
const (
	WorkerQuieted = "worker.quieted"
	WorkerResumed = "worker.resumed"
)

// keptWorkers is how many workers are remembered that were made quiet or resumed: those with the latest
// events. Names are often random, and a quiet worker is mostly stopped and never resumed.
const keptWorkers = 1000

// QuietWorker is a worker that was made quiet, or resumed.
type QuietWorker struct {
	Name    string      `json:"name"`
	Version int64       `json:"version"` // events of its stream since it is remembered
	Quiet   bool        `json:"quiet,omitempty"`
	By      string      `json:"by"` // actor
	At      task.Micros `json:"at"`
}

// quietWorkers is the fold of the streams of workers.
type quietWorkers struct {
	List []QuietWorker `json:"list,omitempty"` // the latest last
}

func (f *quietWorkers) apply(e *eventlog.Event) error {
	_, name, _ := strings.Cut(e.Stream, ":")
	if at := f.find(name); at >= 0 {
		f.List = slices.Delete(f.List, at, at+1)
	}
	if n := len(f.List); n >= keptWorkers {
		f.List = slices.Delete(f.List, 0, n-keptWorkers+1)
	}
	f.List = append(f.List, QuietWorker{Name: strings.Clone(name), Version: e.Version, Quiet: e.Type == WorkerQuieted,
		By: strings.Clone(e.Actor), At: task.Micros(e.At)})
	return nil
}

func (f *quietWorkers) find(name string) int {
	return slices.IndexFunc(f.List, func(w QuietWorker) bool { return w.Name == name })
}

func (f *quietWorkers) version(stream string) int64 {
	_, name, _ := strings.Cut(stream, ":")
	if at := f.find(name); at >= 0 {
		return f.List[at].Version
	}
	return 0
}

// QuietWorkers returns the names of the workers that get no more work. It takes no lock. The set is not to be changed.
func (v *Views) QuietWorkers() map[string]bool {
	if names := v.quiet.Load(); names != nil {
		return *names
	}
	return nil
}

// publishQuiet makes the workers of the fold those that QuietWorkers returns. The caller holds mu.
func (v *Views) publishQuiet() {
	names := make(map[string]bool)
	for _, w := range foldIn[*quietWorkers](v.streams).List {
		if w.Quiet {
			names[w.Name] = true
		}
	}
	v.quiet.Store(&names)
}
