package daybook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daybook"
	"daybook/handler"
	"daybook/internal/foreignnats"
	"daybook/task"

	"github.com/nats-io/nats-server/v2/server"
)

// post sends JSON to the API as a client on this machine does.
func post(t *testing.T, d *daybook.Daybook, path, body string) {
	t.Helper()
	code, answer := call(d, http.MethodPost, path, body)
	if code/100 != 2 {
		t.Fatalf("POST %s %s: %d %s", path, body, code, answer)
	}
}

// patience is how long a test waits for what must come. Machines that test are busy.
const patience = 2 * time.Minute

// untilWaits returns when the task is suspended for a reason.
func untilWaits(t *testing.T, d *daybook.Daybook, id, reason string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		row := get(t, d, "/api/tasks/"+id)
		if strings.Contains(row, `"waiting_for":{"reason":"`+reason+`"`) {
			return
		}
		if strings.Contains(row, `"status":"FAILED"`) || time.Now().After(deadline) {
			t.Fatalf("it does not wait for %s: %s", reason, row)
		}
		time.Sleep(time.Millisecond)
	}
}

// order is a type whose tasks charge once, wait for an event, sleep, and ask a person.
func order(charged *atomic.Int64) handle {
	return handle{"ORDER", func(ctx context.Context, call handler.Call) (any, error) {
		payment, err := handler.Step(ctx, "charge", func(context.Context) (int64, error) { return charged.Add(1), nil })
		if err != nil {
			return nil, err
		}
		events, err := handler.WaitAll(ctx, "paid", time.Hour, "paid:1", "paid:2")
		if err != nil {
			return nil, err
		}
		if err := handler.Sleep(ctx, "nap", time.Millisecond); err != nil {
			return nil, err
		}
		answer, err := handler.Approval(ctx, "ask", handler.Ask{Title: "Refund?"})
		if err != nil {
			return nil, fmt.Errorf("it waits: %w", err)
		}
		_, err = handler.WaitEvent[string](ctx, "never", "never", time.Millisecond)
		if !errors.Is(err, handler.ErrTimedOut) {
			return nil, err
		}
		return fmt.Sprint(payment, string(events["paid:1"]), string(events["paid:2"]), answer.Approved), nil
	}}
}

func TestAHandlerGoesOnWhereItWasAlsoAfterARestart(t *testing.T) {
	var charged atomic.Int64
	data := t.TempDir()
	d, stop := running(t, daybook.Options{Data: data, Concurrency: 1}, order(&charged))
	submitted, err := d.Submit(t.Context(), task.Submit{Type: "ORDER", MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	id := submitted[0].Task.Name()
	restart := func() {
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		d, stop = running(t, daybook.Options{Data: data, Concurrency: 1}, order(&charged))
	}
	untilWaits(t, d, id, "signal")
	restart()
	if _, result, failure := ended(t, d, task.Submit{Type: "SLEEP"}); failure != "" {
		t.Errorf("the only slot is not free: %s %s", result, failure)
	}
	post(t, d, "/api/events", `{"name":"paid:1","payload":1}`)
	restart()
	untilWaits(t, d, id, "signal")
	post(t, d, "/api/events", `{"name":"paid:2","payload":2}`)
	untilWaits(t, d, id, "approval")
	restart()
	post(t, d, "/api/tasks/"+id+"/approvals/ask", `{"approve":true}`)
	got, result, err := d.Wait(t.Context(), submitted[0].Task.ID)
	if err != nil || string(result) != `"112true"` || got.Attempt != 1 || charged.Load() != 1 {
		t.Errorf("%v: %s, attempt %d, charged %d times: %s", err, result, got.Attempt, charged.Load(), errorMessage(t, d, id))
	}
}

// In a cluster the handlers of a node are those of a worker.
func TestAHandlerOfANodeGoesOnWhereItWas(t *testing.T) {
	var charged atomic.Int64
	s := foreignnats.Start(t, server.Options{JetStream: true})
	d, _ := onNATS(t, s.ClientURL(), "a", order(&charged))
	code, body := call(d, http.MethodPost, "/api/tasks/submit", `{"task_type":"ORDER","max_attempts":1}`)
	var created struct{ ID string }
	if err := json.Unmarshal([]byte(body), &created); err != nil || code != http.StatusOK {
		t.Fatal(code, body)
	}
	id := created.ID
	untilWaits(t, d, id, "signal")
	post(t, d, "/api/events", `{"name":"paid:1","payload":1}`)
	post(t, d, "/api/events", `{"name":"paid:2","payload":2}`)
	untilWaits(t, d, id, "approval")
	post(t, d, "/api/tasks/"+id+"/approvals/ask", `{"approve":true}`)
	for deadline := time.Now().Add(patience); ; {
		row := get(t, d, "/api/tasks/"+id)
		if strings.Contains(row, `"result_data":"112true"`) && strings.Contains(row, `"attempt":1,`) && charged.Load() == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("charged %d times: %s", charged.Load(), row)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// album is a type whose tasks make two pictures and one that fails, and say what became of them.
func album(policy string) handle {
	return handle{"ALBUM", func(ctx context.Context, _ handler.Call) (any, error) {
		ends, err := handler.Children(ctx, "pictures", handler.Family{OnFailure: policy, Tasks: map[string]handler.Child{
			"a": {Type: "PICTURE", Parameters: map[string]any{"n": 1}}, "b": {Type: "PICTURE"}, "c": {Type: "TORN", MaxAttempts: 1}}})
		if err != nil {
			return nil, fmt.Errorf("it waits: %w", err)
		}
		if err := handler.Detach(ctx, "mail", map[string]handler.Child{"d": {Type: "PICTURE", DelaySeconds: 3600}}); err != nil {
			return nil, err
		}
		return fmt.Sprint(ends["a"].Status, string(ends["a"].Result), ends["b"].Status, ends["c"].Status, ends["c"].Error), nil
	}}
}

func pictures() (made *atomic.Int64, types []handler.Handler) {
	made = new(atomic.Int64)
	return made, []handler.Handler{
		handle{"PICTURE", func(context.Context, handler.Call) (any, error) { return made.Add(1) > 0, nil }},
		handle{"TORN", func(context.Context, handler.Call) (any, error) {
			return nil, handler.Permanent(errors.New("no paper"))
		}},
	}
}

func TestAHandlerMakesChildrenAndGetsWhatBecameOfThem(t *testing.T) {
	made, types := pictures()
	data := t.TempDir()
	d, stop := running(t, daybook.Options{Data: data}, append(types, album("collect"))...)
	submitted, err := d.Submit(t.Context(), task.Submit{Type: "ALBUM", MaxAttempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, result, err := d.Wait(t.Context(), submitted[0].Task.ID)
	if err != nil || string(result) != `"SUCCESStrueSUCCESSFAILEDno paper"` || made.Load() != 2 {
		t.Errorf("%v: %s, made %d", err, result, made.Load())
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d, _ = running(t, daybook.Options{Data: data}, append(types, album("collect"))...)
	list := get(t, d, "/api/tasks?parent="+submitted[0].Task.Name())
	if strings.Count(list, `"parent_id":"`+submitted[0].Task.Name()+`"`) != 4 {
		t.Errorf("after a restart its children are %s", list)
	}
}

func TestATaskFailsWithAChildThatIsNotCollected(t *testing.T) {
	_, types := pictures()
	d, _ := running(t, daybook.Options{}, append(types, album(""))...)
	_, _, failure := ended(t, d, task.Submit{Type: "ALBUM"})
	if !strings.Contains(failure, "child c (") || !strings.Contains(failure, "is FAILED") {
		t.Errorf("its error is %q", failure)
	}
}

// In a cluster the handlers of a node are those of a worker.
func TestAHandlerOfANodeMakesChildren(t *testing.T) {
	_, types := pictures()
	s := foreignnats.Start(t, server.Options{JetStream: true})
	d, _ := onNATS(t, s.ClientURL(), "a", append(types, album("collect"))...)
	code, body := call(d, http.MethodPost, "/api/tasks/submit", `{"task_type":"ALBUM","max_attempts":1}`)
	var created struct{ ID string }
	if err := json.Unmarshal([]byte(body), &created); err != nil || code != http.StatusOK {
		t.Fatal(code, body)
	}
	id, _ := task.ParseID(created.ID)
	if _, result, err := d.Wait(t.Context(), id); err != nil || !strings.Contains(string(result), "FAILEDno paper") {
		t.Errorf("%v: %s", err, result)
	}
}
