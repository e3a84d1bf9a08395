package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"daybook/projection"
	"daybook/task"
)

// Errors of commands on webhooks.
var (
	// ErrWebhookExists: a webhook of the name exists. Nothing happened.
	ErrWebhookExists = errors.New("a webhook of this name exists")
	// ErrNoWebhook: there is no webhook of the name.
	ErrNoWebhook = errors.New("there is no webhook of this name")
	// ErrTooManyWebhooks: projection.MaxWebhooks webhooks exist. Nothing happened.
	ErrTooManyWebhooks = errors.New("there are too many webhooks")
	// ErrCursorMoved: the deliveries were queued already, or others. Look at the views again.
	ErrCursorMoved = errors.New("the webhook has moved on")
)

// DeliveryQueue is the queue of the tasks that deliver events.
const DeliveryQueue = "webhooks"

// firstLimits are those that the queue of deliveries gets with the first webhook: a receiver that does not answer
// must not hold the slots of tasks.
var firstLimits = projection.QueueLimits{Concurrency: deliverySlots, KeyConcurrency: 1, FairKeys: true}

// The waits between the attempts of a delivery double from the first to the longest.
const (
	firstDeliveryWait   = 10 * task.Second
	longestDeliveryWait = 4 * 3600 * task.Second
)

// WebhookTarget is where a webhook sends events, and how it signs them. It is the payload of webhook.created.
type WebhookTarget struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// CreateWebhook appends that the webhook exists. It gets the events that are decided after it. Errors: ErrWebhookExists,
// ErrTooManyWebhooks, and those of commands.
func (s *Scheduler) CreateWebhook(ctx context.Context, actor, name string, rules projection.WebhookRules, target WebhookTarget) error {
	data, err := json.Marshal(rules)
	if err != nil {
		return err // not for strings and numbers
	}
	secret, err := json.Marshal(target)
	if err != nil {
		return err
	}
	return s.Record(ctx, actor, func() ([]Other, error) {
		views := s.o.Views
		all, _ := views.Webhooks()
		if old, _ := views.Webhook(name); old != nil {
			return nil, ErrWebhookExists
		} else if len(all) >= projection.MaxWebhooks {
			return nil, ErrTooManyWebhooks
		}
		events := []Other{{Stream: "webhook:" + name, Type: projection.WebhookCreated, V: 1, Data: data, Payload: secret}}
		if views.QueueState(DeliveryQueue).Version == 0 {
			events = append(events, Other{Stream: "queue:" + DeliveryQueue, Type: "queue.limits_set", V: 1, Data: projection.EncodeQueueLimits(firstLimits)})
		}
		return events, nil
	})
}

// DeleteWebhook appends that the webhook is deleted, and erases its URL and secret. Deliveries that have not been made
// fail. When they cannot be erased now, the next start does it. Errors: ErrNoWebhook, and those of commands.
func (s *Scheduler) DeleteWebhook(ctx context.Context, actor, name string) error {
	var created int64
	err := s.Record(ctx, actor, func() ([]Other, error) {
		w, _ := s.o.Views.Webhook(name)
		if w == nil {
			return nil, ErrNoWebhook
		}
		created = w.CreatedSeq
		return []Other{{Stream: "webhook:" + name, Type: projection.WebhookDeleted, V: 1, Data: []byte("{}")}}, nil
	})
	if err != nil {
		return err
	}
	if err := s.o.Log.ErasePayloads(ctx, created); err != nil {
		s.o.Logger.Error("the URL and the secret of a deleted webhook could not be erased; the next start does it", "webhook", name, "error", err)
	}
	return nil
}

// EraseTargets erases the URLs and secrets of the webhooks that were deleted. Errors: those of eventlog.Log.ErasePayloads.
func (s *Scheduler) EraseTargets(ctx context.Context) error {
	return s.o.Log.ErasePayloads(ctx, s.o.Views.WebhookErasures()...)
}

// Deliveries are the events for one webhook from its cursor up to another seq.
type Deliveries struct {
	Webhook  *projection.Webhook // as it was when they were collected
	To       int64               // the events up to this seq are looked at
	Bodies   [][]byte            // parameters of the tasks: canonical JSON objects
	Subjects []string            // of the tasks
}

// QueueDeliveries appends the tasks that deliver events and moves the cursors of their webhooks, in one commit. Webhooks
// that were deleted are left out. Errors: ErrCursorMoved, a *BatchError when a task is refused; then nothing
// happened; and those of commands.
func (s *Scheduler) QueueDeliveries(ctx context.Context, all []Deliveries) error {
	r := &request{actor: ActorScheduler, with: new([]task.Submit)}
	r.others = func() (events []Other, err error) {
		*r.with = nil
		for i := range all {
			d := &all[i]
			w, _ := s.o.Views.Webhook(d.Webhook.Name)
			if w == nil || w.CreatedSeq != d.Webhook.CreatedSeq {
				continue
			}
			if w.Cursor != d.Webhook.Cursor || d.To < w.Cursor {
				return nil, ErrCursorMoved
			}
			data, err := json.Marshal(projection.WebhookQueuedData{To: d.To, Deliveries: len(d.Bodies)})
			if err != nil {
				return nil, err // not for numbers
			}
			events = append(events, Other{Stream: "webhook:" + w.Name, Type: projection.WebhookQueued, V: 1, Data: data})
			for k, body := range d.Bodies {
				*r.with = append(*r.with, delivery(w, body, d.Subjects[k]))
			}
		}
		return events, nil
	}
	a, err := s.ask(ctx, r)
	return cmp.Or(err, a.err)
}

// delivery is the task that delivers an event.
func delivery(w *projection.Webhook, body []byte, subject string) task.Submit {
	s := task.Submit{
		Type: projection.DeliveryType, Queue: DeliveryQueue, ConcurrencyKey: w.Name, Tags: []string{DeliveryTag(w.Name)},
		Parameters: body, Timeout: w.Timeout + task.Second, MadeSubject: subject, MaxAttempts: deliveryAttempts(w.RetryFor),
		Backoff: &task.Backoff{Kind: task.Exponential, Base: firstDeliveryWait, Max: longestDeliveryWait, NoJitter: true},
	}
	s.Normalise()
	return s
}

// DeliveryTag is the tag of the tasks that deliver events to a webhook.
func DeliveryTag(name string) string {
	tag := "webhook:" + name
	return tag[:min(len(tag), task.MaxTagLength)]
}

// deliveryAttempts is how many attempts take that long, if each fails at once.
func deliveryAttempts(retryFor task.Micros) int {
	n, wait := 1, firstDeliveryWait
	for waited := task.Micros(0); waited < retryFor && n < task.MaxMaxAttempts; n++ {
		waited += wait
		wait = min(2*wait, longestDeliveryWait)
	}
	return n
}
