package projection

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"daybook/eventlog"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

// suspendedIn is what the views know of suspended tasks.
func suspendedIn(v *Views) (all []string) {
	names := map[string]bool{}
	ends := 0
	for _, slot := range v.table.slots {
		rec := v.table.at(slot)
		if rec.place != inSuspended {
			continue
		}
		all = append(all, fmt.Sprint(rec.task.Name(), " until ", rec.keyDue))
		if rec.keyDue != never {
			ends++
		}
		if w := rec.task.Waits(); w != nil { // else it is ending
			for _, name := range w.Signals {
				names[name] = true
			}
		}
	}
	slices.Sort(all)
	for i, rec := range v.order.deadlines.Items() {
		if int(rec.lane) != i+1 || rec.place != inSuspended || rec.keyDue < v.order.deadlines.Items()[max(0, (i-1)/2)].keyDue {
			all = append(all, fmt.Sprint(rec.task.Name(), " is in the wrong place of the deadlines: ", i, rec.lane, rec.keyDue))
		}
	}
	all = append(all, fmt.Sprint(v.order.deadlines.Len()-ends, " deadlines too many"))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		var by []string
		for slot := range v.waits.bySignal.of(name) {
			by = append(by, v.table.at(slot).task.Name())
		}
		slices.Sort(by)
		all = append(all, fmt.Sprint(name, " wakes ", by))
	}
	count := len(v.waits.bySignal.first)
	for _, more := range v.waits.bySignal.more {
		count += len(more)
	}
	all = append(all, fmt.Sprint(count, " waiters"))
	approvals, _ := v.Approvals(0, 1000)
	for i := range approvals {
		all = append(all, approvals[i].Name()+" asks a person")
	}
	var over []string
	for t := range v.WaitsOver(0) {
		over = append(over, t.Name()+" has its signals")
	}
	slices.Sort(over)
	for _, one := range foldIn[*signals](v.streams).List {
		all = append(all, fmt.Sprint(one))
	}
	return append(all, slices.Compact(over)...)
}

// sendAny sends a signal, of which one may be kept.
func sendAny(rt *rapid.T, l *ledger) {
	name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "signal")
	stream := "signal:" + name
	version := int64(1)
	for _, e := range slices.Backward(l.events) {
		if e.Stream == stream {
			version = e.Version + 1
			break
		}
	}
	keep := task.Micros(rapid.SampledFrom([]int64{1, 20, 7 * 86400}).Draw(rt, "keep")) * task.Second
	l.otherOf(stream, SignalSent, version, fmt.Sprintf(`{"until":%d}`, l.now+keep))
}

// stepCommand is a command about the steps of a task.
func stepCommand(rt *rapid.T, l *ledger, kind int, id ulid.ULID, fence int64) task.Command {
	name := fmt.Sprint("step-", len(l.events))
	w := l.tasks[id].Waits()
	switch {
	case l.tasks[id].Ending() != task.None:
		return rapid.SampledFrom([]task.Command{task.Finish{}, task.Finish{Error: "a child is FAILED"}, task.Cancel{}}).Draw(rt, "end")
	case kind == 22 && w != nil && w.Kind == task.StepChildren && rapid.Bool().Draw(rt, "fails"):
		return task.FailWait{Step: w.Step, Error: "a child is FAILED"}
	case kind == 22 && w != nil:
		return task.Wake{Step: w.Step, Outcome: task.StepTimeout, Value: []byte("null")}
	case kind >= 21:
		return task.RecordSteps{Fence: fence, Steps: []task.NewStep{{Name: name, Value: []byte("1")}}}
	}
	c := task.Suspend{Fence: fence, Step: name, Kind: task.StepKind(rapid.IntRange(int(task.StepSleep), int(task.StepChildren)).Draw(rt, "for"))}
	if c.Kind == task.StepSleep || rapid.Bool().Draw(rt, "with an end") {
		c.Until = l.now + task.Micros(rapid.Int64Range(-5, 50).Draw(rt, "until"))*task.Second
	}
	if c.Kind == task.StepSignal {
		c.Signals = rapid.SampledFrom([][]string{{"a"}, {"b", "c"}, {"a", "b", "c"}}).Draw(rt, "signals")
		c.All = rapid.Bool().Draw(rt, "all")
	}
	return c
}

// checkSuspended works out from the tasks and the signals whose wait is over.
func checkSuspended(t failer, l *ledger) {
	t.Helper()
	kept := func(name string, at task.Micros) bool { // a signal of the name that was kept when the wait began, or came later
		for _, e := range slices.Backward(l.events) {
			if e.Stream == "signal:"+name {
				var until task.Micros
				_, err := fmt.Sscanf(string(e.Data), `{"until":%d}`, &until)
				return err == nil && until > at
			}
		}
		return false
	}
	want, approvals := map[string]bool{}, map[string]bool{}
	for _, r := range l.tasks {
		w := r.Waits()
		if w == nil {
			continue
		}
		n := 0
		for _, name := range w.Signals {
			if kept(name, w.Since) {
				n++
			}
		}
		if w.Until != 0 && w.Until <= l.now || n > 0 && (!w.All || n == len(w.Signals)) {
			want[r.Name()] = true
		}
		if w.Kind == task.StepApproval {
			approvals[r.Name()] = true
		}
	}
	got, asked := map[string]bool{}, map[string]bool{}
	for r := range l.views.WaitsOver(l.now) {
		got[r.Name()] = true
	}
	list, _ := l.views.Approvals(0, 1000)
	for i := range list {
		asked[list[i].Name()] = true
	}
	if diff := cmp.Diff([]map[string]bool{want, approvals}, []map[string]bool{got, asked}); diff != "" {
		t.Fatalf("whose wait is over, and who asks a person (-want +got):\n%s", diff)
	}
	if next := l.views.NextWaitOver(); (next != 0 && next <= l.now) != (len(want) > 0) {
		t.Fatalf("the next wait is over at %d, and %d are over", next, len(want))
	}
}

func TestSignalsAreForgottenWhenTheirTimeIsOver(t *testing.T) {
	f := new(signals)
	send := func(name string, at, until task.Micros) {
		t.Helper()
		err := f.apply(&eventlog.Event{Stream: "signal:" + name, Type: SignalSent, V: 1, Version: f.version("signal:"+name) + 1, At: int64(at),
			Data: fmt.Appendf(nil, `{"until":%d}`, until)})
		if err != nil {
			t.Fatal(err)
		}
	}
	send("short", 1, 10)
	send("long", 1, 10_000)
	if f.find("short", 9) == nil || f.find("short", 10) != nil || f.find("other", 0) != nil {
		t.Error("a signal is found after its time, or not before")
	}
	send("short", 20, 30)
	if one := f.find("short", 20); one == nil || one.Version != 2 || len(f.List) != 2 {
		t.Errorf("sent again after its time: %+v of %d", one, len(f.List))
	}
	for i := range pruneEvery {
		send(fmt.Sprint("n", i), 100, 200)
	}
	if _, there := f.byName["short"]; there || f.find("long", 100) == nil || len(f.List) < pruneEvery {
		t.Errorf("after %d signals: %d are remembered", f.Sent, len(f.List))
	}
	restored := new(signals)
	s := streams{f}
	if state := s.snapshot()[0].State; state != restored.restored(t, state) {
		t.Error("the state of the fold is not read as it is written")
	}
}

// restored reads the state of another fold, and returns its own.
func (f *signals) restored(t *testing.T, state string) string {
	t.Helper()
	if err := json.Unmarshal([]byte(state), f); err != nil {
		t.Fatal(err)
	}
	return f.state()
}
