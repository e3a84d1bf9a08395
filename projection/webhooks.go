package projection

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// Types of the events of webhooks. A name can be used again after it was deleted.
const (
	WebhookCreated = "webhook.created"
	WebhookDeleted = "webhook.deleted"
	WebhookQueued  = "webhook.queued"
)

var webhookEvents = map[string]int{WebhookCreated: 1, WebhookDeleted: 1, WebhookQueued: 1}

// DeliveryType is the type of the tasks that deliver events to webhooks. Their concurrency key is the name of the
// webhook.
const DeliveryType = "WEBHOOK"

// MaxWebhooks is how many webhooks there can be.
const MaxWebhooks = 100

// WebhookRules are what a webhook wants, as its webhook.created says it.
type WebhookRules struct {
	Events    []string    `json:"events"`               // types of events, such as "task.failed"
	TaskTypes []string    `json:"task_types,omitempty"` // of the tasks whose events it wants; none = all
	Queues    []string    `json:"queues,omitempty"`     // the same
	Tags      []string    `json:"tags,omitempty"`       // the tasks have one of them; none = all
	RetryFor  task.Micros `json:"retry_for"`            // how long a delivery is tried again; 0 = it is not
	Timeout   task.Micros `json:"timeout"`              // of one attempt
}

// Wants reports whether the webhook wants events of a type of a task; nil for an event that is not of a task. No
// webhook wants those of deliveries.
func (r *WebhookRules) Wants(eventType string, t *task.Task) bool {
	if !slices.Contains(r.Events, eventType) {
		return false
	}
	if t == nil {
		return true
	}
	return t.Type != DeliveryType && anyOf(r.TaskTypes, t.Type) && anyOf(r.Queues, t.Queue) &&
		(len(r.Tags) == 0 || slices.ContainsFunc(t.Tags(), func(tag string) bool { return slices.Contains(r.Tags, tag) }))
}

// Webhook is a webhook as its events and those of its deliveries have left it.
type Webhook struct {
	WebhookRules
	Name       string      `json:"name"`
	CreatedSeq int64       `json:"created_seq"` // of the event whose payload is its URL and secret
	CreatedAt  task.Micros `json:"created_at"`
	CreatedBy  string      `json:"created_by"` // the actor
	Version    int64       `json:"version"`    // of its latest event
	Cursor     int64       `json:"cursor"`     // the events up to this seq are queued
	Queued     int64       `json:"queued,omitempty"`

	Delivered   int64       `json:"delivered,omitempty"`
	DeliveredAt task.Micros `json:"delivered_at,omitempty"` // the latest that arrived
	Failures    int64       `json:"failures,omitempty"`     // attempts in a row
	FailingFrom task.Micros `json:"failing_from,omitempty"` // the first of them
	FailedAt    task.Micros `json:"failed_at,omitempty"`    // the latest attempt that failed
	ErrorSeq    int64       `json:"error_seq,omitempty"`    // of the event whose payload is why
	LastTask    string      `json:"last_task,omitempty"`    // the delivery of the latest attempt
}

// WebhookQueuedData is the data of webhook.queued.
type WebhookQueuedData struct {
	To         int64 `json:"to"`         // the events up to this seq are queued
	Deliveries int   `json:"deliveries"` // tasks that were submitted with the event
}

// webhooks is the fold of the streams of webhooks, "webhook:NAME".
type webhooks struct {
	List []*Webhook       `json:"list,omitempty"` // by name
	Gone map[string]int64 `json:"gone,omitempty"` // by name of those that were deleted: the version of the latest event
	// Erase lists the events whose payloads are to be erased, because their webhooks were deleted: the latest.
	Erase []int64 `json:"erase,omitempty"`
}

// keptErasures is how many events Erase has at most.
const keptErasures = 1000

func (f *webhooks) find(name string) (at int, found bool) {
	return slices.BinarySearchFunc(f.List, name, func(w *Webhook, name string) int { return cmp.Compare(w.Name, name) })
}

func (f *webhooks) apply(e *eventlog.Event) error {
	_, name, _ := strings.Cut(e.Stream, ":")
	at, found := f.find(name)
	if found == (e.Type == WebhookCreated) || !task.ValidName(name) {
		return fmt.Errorf("%w: %s", task.ErrIllegal, e.Type)
	}
	switch e.Type {
	case WebhookCreated:
		w := &Webhook{Name: strings.Clone(name), CreatedSeq: e.Seq, CreatedAt: task.Micros(e.At), CreatedBy: strings.Clone(e.Actor),
			Version: e.Version, Cursor: e.Seq}
		if err := json.Unmarshal(e.Data, &w.WebhookRules); err != nil || len(w.Events) == 0 {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		f.List = slices.Insert(f.List, at, w)
		delete(f.Gone, name)
	case WebhookDeleted:
		if f.Gone == nil {
			f.Gone = make(map[string]int64)
		}
		f.Gone[strings.Clone(name)] = e.Version
		f.Erase = append(f.Erase, f.List[at].CreatedSeq)
		f.Erase = f.Erase[max(0, len(f.Erase)-keptErasures):]
		f.List = slices.Delete(f.List, at, at+1)
	case WebhookQueued:
		var d WebhookQueuedData
		if err := json.Unmarshal(e.Data, &d); err != nil || d.To < f.List[at].Cursor {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		f.change(at, func(w *Webhook) {
			w.Version, w.Cursor, w.Queued = e.Version, d.To, w.Queued+int64(d.Deliveries)
		})
	}
	return nil
}

// change changes a copy of a webhook: readers have the old one.
func (f *webhooks) change(at int, change func(*Webhook)) {
	w := *f.List[at]
	change(&w)
	f.List[at] = &w
}

// attempted notes what came of an attempt of a delivery.
func (f *webhooks) attempted(t *task.Task, e *task.Event) {
	at, found := f.find(t.ConcurrencyKey)
	if !found || e.Type != task.EventSucceeded && e.Type != task.EventAttemptFailed && e.Type != task.EventFailed {
		return
	}
	f.change(at, func(w *Webhook) {
		w.LastTask = t.Name()
		if e.Type == task.EventSucceeded {
			w.Delivered, w.DeliveredAt, w.Failures, w.FailingFrom = w.Delivered+1, e.At, 0, 0
			return
		}
		if w.Failures++; w.FailingFrom == 0 {
			w.FailingFrom = e.At
		}
		w.FailedAt, w.ErrorSeq = e.At, t.ErrorSeq
	})
}

func (f *webhooks) version(stream string) int64 {
	_, name, _ := strings.Cut(stream, ":")
	if at, found := f.find(name); found {
		return f.List[at].Version
	}
	return f.Gone[name]
}

// Webhooks returns all webhooks, by name, and the seq they show. They are not to be changed.
func (v *Views) Webhooks() ([]*Webhook, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(foldIn[*webhooks](v.streams).List), v.Seq()
}

// Webhook returns the webhook of that name, nil if there is none, and the seq it shows.
func (v *Views) Webhook(name string) (*Webhook, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	f := foldIn[*webhooks](v.streams)
	if at, found := f.find(name); found {
		return f.List[at], v.Seq()
	}
	return nil, v.Seq()
}

// WebhookErasures lists the events of webhooks that were deleted, whose payloads are to be erased: at least once.
func (v *Views) WebhookErasures() []int64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(foldIn[*webhooks](v.streams).Erase)
}
