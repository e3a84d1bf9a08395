package projection

import (
	"fmt"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
	"daybook/task"
)

func TestTheLatestLeadIsThatOfTheCluster(t *testing.T) {
	log := eventlogtest.NewMemory()
	views, err := Open(t.Context(), log, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer views.Close()
	if lead := views.Lead(); lead != (Lead{}) {
		t.Errorf("before anybody has led: %+v", lead)
	}
	for i, node := range []string{"a", "b"} {
		e := &eventlog.Event{At: int64(1000 + i), Stream: "server:" + node, Version: 1, Type: "server.led", V: 1, Actor: "system:scheduler",
			Data: fmt.Appendf(nil, `{"node":%q,"term":%d}`, node, i+1)}
		if r := log.Append(t.Context(), []eventlog.Entry{{Events: []*eventlog.Event{e}}}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		if err := views.Apply([]*eventlog.Event{e}); err != nil {
			t.Fatal(err)
		}
		want := Lead{Node: node, Term: int64(i + 1), Boot: node, Seq: int64(i + 1)}
		want.Since = task.Micros(e.At)
		if lead := views.Lead(); lead != want {
			t.Errorf("the lead is %+v, want %+v", lead, want)
		}
	}
}
