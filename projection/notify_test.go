package projection

import (
	"errors"
	"testing"

	"daybook/eventlog"
	"daybook/task"
)

// notifyStory is a webhook whose receiver fails at first, another that is deleted, and two alerts.
var notifyStory = story{"notify_streams", func(l *ledger) {
	l.otherOf("webhook:orders", WebhookCreated, 1, `{"events":["task.failed"],"queues":["orders"],"retry_for":259200000000,"timeout":15000000}`)
	l.otherOf("webhook:old", WebhookCreated, 1, `{"events":["task.failed"],"retry_for":0,"timeout":15000000}`)
	l.otherOf("alert:bad", AlertCreated, 1, `{"when":"failure_rate","above":0.5,"window":300000000,"least":1,"for":0}`)
	l.otherOf("alert:deep", AlertCreated, 1, `{"when":"queue_depth","above":100,"for":30000000}`)
	id := l.submit(task.Submit{Queue: "orders", MaxAttempts: 1})
	fence := l.start(id)
	l.after(task.Second)
	l.do(system, id, task.Fail{Fence: fence, Code: task.CodeError, Error: "no"})
	l.otherOf("webhook:orders", WebhookQueued, 2, `{"to":7,"deliveries":1}`)
	delivery := l.submit(task.Submit{Type: DeliveryType, Queue: "webhooks", ConcurrencyKey: "orders"})
	fence = l.start(delivery)
	l.do(system, delivery, task.Fail{Fence: fence, Code: task.CodeError, Error: "connection refused", After: task.Second})
	l.otherOf("alert:bad", AlertFired, 2, `{"when":"failure_rate","value":1,"above":0.5,"since":1}`)
	l.after(2 * task.Second)
	l.otherOf("webhook:old", WebhookDeleted, 2, `{}`)
	l.otherOf("alert:deep", AlertDeleted, 2, `{}`)
	l.views.Promote(l.now)
	fence = l.start(delivery)
	l.do(system, delivery, task.Succeed{Fence: fence, Result: []byte(`{"status":200}`)})
	lost := l.submit(task.Submit{Type: DeliveryType, Queue: "webhooks", ConcurrencyKey: "old"})
	l.do(system, lost, task.Fail{Fence: l.start(lost), Code: task.CodePermanent, Error: "the webhook old was deleted"})
	l.otherOf("alert:bad", AlertRecovered, 3, `{"when":"failure_rate","value":0.5,"above":0.5,"since":2}`)
}}

func TestWebhooksAndAlertsAreTheSameHoweverTheyAreFolded(t *testing.T) {
	l := newLedger(t)
	notifyStory.tell(l)
	v := foldedAnyWay(t, l)
	if w, _ := v.Webhook("orders"); w == nil || w.Cursor != 7 || w.Queued != 1 || w.Delivered != 1 || w.Failures != 0 || w.FailingFrom != 0 || w.FailedAt == 0 || w.ErrorSeq == 0 {
		t.Errorf("%+v", w)
	}
	if w, _ := v.Webhook("old"); w != nil {
		t.Errorf("%+v", w)
	}
	if seqs := v.WebhookErasures(); len(seqs) != 1 || seqs[0] != 2 {
		t.Errorf("to erase: %v", seqs)
	}
	if n := v.StreamVersion("webhook:old"); n != 2 {
		t.Errorf("the stream of a webhook that was deleted has %d events", n)
	}
	a, _ := v.Alert("bad")
	if a == nil || a.Firing || a.Fired != 1 || a.Value != 0.5 || v.AlertsFiring() != 0 {
		t.Errorf("%+v", a)
	}
	if value := v.Measure(a, l.now); value != 1 { // of all tasks, deliveries do not count
		t.Errorf("the failure rate is %v", value)
	}
	if value := v.Measure(a, l.now+301*task.Second); value != 0 {
		t.Errorf("after its window the failure rate is %v", value)
	}
}

func TestWhatCannotFollowInAStreamOfAWebhookOrAnAlertIsRefused(t *testing.T) {
	const hook, alert = `{"events":["task.failed"],"retry_for":0,"timeout":1}`, `{"when":"queue_depth","above":1,"for":0}`
	for name, events := range map[string][][3]string{
		"a webhook that exists is created":     {{"webhook:a", WebhookCreated, hook}, {"webhook:a", WebhookCreated, hook}},
		"a webhook that is not there deleted":  {{"webhook:a", WebhookDeleted, "{}"}},
		"a webhook without events":             {{"webhook:a", WebhookCreated, "{}"}},
		"a cursor that goes back":              {{"webhook:a", WebhookCreated, hook}, {"webhook:a", WebhookQueued, `{"to":0,"deliveries":0}`}},
		"an alert that is not there fires":     {{"alert:a", AlertFired, `{"value":1}`}},
		"an alert that exists is created":      {{"alert:a", AlertCreated, alert}, {"alert:a", AlertCreated, alert}},
		"an event of an alert in another kind": {{"webhook:a", AlertCreated, alert}},
		"data that is no object":               {{"alert:a", AlertCreated, "[]"}},
	} {
		s := newStreams()
		var err error
		for i, e := range events {
			if err = s.apply(&eventlog.Event{Seq: int64(i) + 1, At: 1, Stream: e[0], Version: int64(i) + 1, Type: e[1], V: 1, Data: []byte(e[2])}); err != nil && i < len(events)-1 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !errors.Is(err, task.ErrIllegal) && !errors.Is(err, task.ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
