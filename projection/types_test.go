package projection

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/task"
)

func TestADeclarationIsReplacedByTheNext(t *testing.T) {
	l := newLedger(t)
	const first, second = `{"title":"a < b"}`, `{"title":"Resize","parameters_schema":{"type":"object"}}`
	l.otherOf("type:resize", TypeDeclared, 1, first)
	l.otherOf("type:hash", TypeDeclared, 1, `{}`)
	l.otherOf("type:resize", TypeDeclared, 2, second)
	v := foldedAnyWay(t, l)
	list, size := v.DeclaredTypes()
	if len(list) != 2 || list[0].Name != "hash" || list[1].Name != "resize" || size != len(second)+2 {
		t.Fatalf("%v, %d bytes", list, size)
	}
	if got := v.DeclaredType("resize"); got.Data != second || got.Version != 2 || got.DeclaredBy != system || got.Declaration().Title != "Resize" {
		t.Errorf("%+v", got)
	}
	if v.DeclaredType("none") != nil || v.StreamVersion("type:resize") != 2 || v.StreamVersion("type:none") != 0 {
		t.Error("a type that was not declared")
	}
}

func TestADeclarationThatCannotBeReadIsRefused(t *testing.T) {
	for name, e := range map[string]*eventlog.Event{
		"no object": {Stream: "type:a", Data: []byte(`{"title":1}`)},
		"no name":   {Stream: "type:a b", Data: []byte(`{}`)},
	} {
		if err := new(declaredTypes).apply(e); !errors.Is(err, task.ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAWorkerIsQuietUntilItIsResumed(t *testing.T) {
	l := newLedger(t)
	l.otherOf("worker:a", WorkerQuieted, 1, `{}`)
	l.otherOf("worker:b:1@host", WorkerQuieted, 1, `{}`)
	l.otherOf("worker:a", WorkerResumed, 2, `{}`)
	v := foldedAnyWay(t, l)
	if got := v.QuietWorkers(); len(got) != 1 || !got["b:1@host"] {
		t.Errorf("%v", got)
	}
	if v.StreamVersion("worker:a") != 2 || v.StreamVersion("worker:b:1@host") != 1 {
		t.Error("the versions of the streams are lost")
	}
}

func TestQuietWorkersAreForgottenAfterManyOthers(t *testing.T) {
	f := new(quietWorkers)
	for i := range 3 * keptWorkers {
		name := fmt.Sprint("w", i)
		if i%10 == 0 {
			name = "again"
		}
		if err := f.apply(&eventlog.Event{Stream: "worker:" + name, Version: 1, Type: WorkerQuieted}); err != nil {
			t.Fatal(err)
		}
	}
	if len(f.List) != keptWorkers || f.find("again") < 0 || f.find("w1") >= 0 || f.find(fmt.Sprint("w", 3*keptWorkers-1)) < 0 {
		t.Errorf("%d are remembered", len(f.List))
	}
	if strings.Count(fmt.Sprint(f.List), "{again ") != 1 {
		t.Error("a worker is remembered twice")
	}
}
