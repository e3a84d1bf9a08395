package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
	"daybook/scheduler"
	"daybook/task"
)

// Delivered is what came of a test event.
type Delivered struct {
	Status     int    // of the response; 0 = there was none
	Body       string // its beginning, if it is text
	DurationMS float64
	Failure    string // what is wrong and what to do; "" = it arrived
}

// Webhooks is what the API must know of deliveries.
type Webhooks struct {
	NewSecret   func() string
	ValidSecret func(string) bool
	ValidURL    func(string) bool
	Reaches     func(url string) bool // whether deliveries may go to the host of a valid URL, as far as its text says
	// Test sends an event, a JSON object, to the webhook of that name now, with that id of the message.
	Test func(ctx context.Context, name, id string, event []byte) Delivered
}

const (
	maxWebhookName   = 56 // bytes: the tag of its deliveries has 64
	maxWebhookFilter = 50
	maxWebhookURL    = 4000
	usualRetryFor    = 3 * 24 * 3600 * task.Second
	longestRetryFor  = 30 * 24 * 3600 // seconds
	usualDelivery    = 15 * task.Second
	longestDelivery  = 60 // seconds
	// failingAfter is for how long deliveries must fail until the webhook is called failing.
	failingAfter = 10 * 60 * task.Second
)

const (
	secretRule = `must be "whsec_" and the base64 of 24 to 64 bytes; leave it out, and the server makes one`
	reachRule  = "has an address that is not on the public internet, so each delivery would fail; send to a public one, or add it to allow of [webhook] in the server's configuration"
	urlRule    = "must be a URL such as https://example.com/hooks/daybook, without a user and password in it"
)

// webhookEvents are the types of events that a webhook can have.
var webhookEvents = func() (list []string) {
	for _, t := range task.EventTypes() {
		list = append(list, t.String())
	}
	for _, name := range projection.OtherEventTypes() {
		if !strings.HasPrefix(name, "webhook.") {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}()

// newWebhook is the body of POST /api/webhooks.
type newWebhook struct {
	name   string
	rules  projection.WebhookRules
	target scheduler.WebhookTarget
}

// createWebhook answers POST /api/webhooks. The answer alone has the secret, if the server has made it.
func (a *API) createWebhook(p *reply, r *http.Request) error {
	text, err := a.objectBody(p, r)
	if err != nil {
		return err
	}
	want, bad := a.readWebhook(text)
	if bad != nil {
		return invalids(bad)
	}
	made := ""
	if want.target.Secret == "" {
		made = a.Webhooks.NewSecret()
		want.target.Secret = made
	}
	if err := a.sched().CreateWebhook(r.Context(), p.caller.actor(), want.name, want.rules, want.target); err != nil {
		return err
	}
	hook, seq := a.Views.Webhook(want.name)
	if hook == nil { // it was deleted already
		hook = &projection.Webhook{Name: want.name, WebhookRules: want.rules}
	}
	var w jsontext.Writer
	if err := a.writeWebhook(r.Context(), &w, hook, made); err != nil {
		return err
	}
	p.shows(seq)
	p.Header()["Cache-Control"] = noStore
	return p.send(typeJSON, w)
}

func (a *API) readWebhook(body []byte) (n newWebhook, bad []task.FieldError) {
	n.rules.RetryFor, n.rules.Timeout = usualRetryFor, usualDelivery
	object{"", &bad}.each(body, func(o object, key string, value []byte) bool {
		null := jsontext.IsNull(value)
		switch key {
		case "name":
			if n.name = o.text(value, 1, maxWebhookName); n.name != "" && !task.NewName(n.name) {
				o.wrong(task.NameRule)
			}
		case "url":
			if n.target.URL = o.text(value, 1, maxWebhookURL); n.target.URL != "" && !a.Webhooks.ValidURL(n.target.URL) {
				o.wrong(urlRule)
			} else if n.target.URL != "" && !a.Webhooks.Reaches(n.target.URL) {
				o.wrong(reachRule)
			}
		case "secret":
			if !null {
				if n.target.Secret = o.text(value, 1, 200); n.target.Secret != "" && !a.Webhooks.ValidSecret(n.target.Secret) {
					o.wrong(secretRule)
				}
			}
		case "events":
			o.items(value, len(webhookEvents), func(o object, value []byte) {
				name := o.text(value, 1, 64)
				if name != "" && !slices.Contains(webhookEvents, name) {
					o.wrong("is not a type of event that a webhook can have; docs/events.md lists them, such as task.failed")
				}
				n.rules.Events = append(n.rules.Events, name)
			})
		case "filter":
			if !null {
				n.readFilter(o, value)
			}
		case "retry_for_seconds":
			if !null {
				n.rules.RetryFor = o.span(value, 0, longestRetryFor)
			}
		case "timeout_seconds":
			if !null {
				n.rules.Timeout = o.span(value, 1, longestDelivery)
			}
		default:
			return false
		}
		return true
	})
	if bad == nil {
		for _, one := range []struct {
			missing         bool
			pointer, detail string
		}{
			{n.name == "", "/name", "must be given: what the webhook is called, such as orders"},
			{n.target.URL == "", "/url", "must be given: where events are sent"},
			{len(n.rules.Events) == 0, "/events", `must be given: the types of events, such as ["task.failed"]`},
		} {
			if one.missing {
				object{one.pointer, &bad}.wrong(one.detail)
			}
		}
	}
	slices.Sort(n.rules.Events)
	n.rules.Events = slices.Compact(n.rules.Events)
	return n, bad
}

// readFilter reads filters of the list of tasks.
func (n *newWebhook) readFilter(o object, value []byte) {
	o.each(value, func(o object, key string, value []byte) bool {
		switch key {
		case "task_type":
			n.rules.TaskTypes = o.names(value, maxWebhookFilter)
		case "queue":
			n.rules.Queues = o.names(value, maxWebhookFilter)
		case "tag":
			o.items(value, maxWebhookFilter, func(o object, value []byte) {
				n.rules.Tags = append(n.rules.Tags, o.text(value, 1, 4*task.MaxTagLength))
			})
		default:
			return false
		}
		return true
	})
}

// webhooks answers GET /api/webhooks.
func (a *API) webhooks(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	all, seq := a.Views.Webhooks()
	var w jsontext.Writer
	w.Array()
	for _, hook := range all {
		if err := a.writeWebhook(r.Context(), w.Item(), hook, ""); err != nil {
			return err
		}
	}
	w.EndArray()
	p.shows(seq)
	return p.send(typeJSON, w)
}

// writeWebhook writes what is known of a webhook, and its secret if it is not "".
func (a *API) writeWebhook(ctx context.Context, w *jsontext.Writer, hook *projection.Webhook, secret string) error {
	target, err := a.target(ctx, hook)
	if err != nil {
		return err
	}
	failure, err := a.failureAt(ctx, hook.ErrorSeq)
	if err != nil {
		return err
	}
	w.Object()
	w.Key("name").String(hook.Name)
	w.Key("url").OptionalString(target.URL)
	w.Key("events").Strings(hook.Events)
	w.Key("filter").Object()
	w.Key("task_type").Strings(hook.TaskTypes)
	w.Key("queue").Strings(hook.Queues)
	w.Key("tag").Strings(hook.Tags)
	w.EndObject()
	w.Key("retry_for_seconds").Seconds(int64(hook.RetryFor))
	w.Key("timeout_seconds").Seconds(int64(hook.Timeout))
	w.Key("created_at").OptionalTime(int64(hook.CreatedAt))
	w.Key("created_by").String(hook.CreatedBy)
	w.Key("queued").Int(hook.Queued)
	w.Key("delivered").Int(hook.Delivered)
	w.Key("last_delivered_at").OptionalTime(int64(hook.DeliveredAt))
	w.Key("failures").Int(hook.Failures)
	w.Key("failing_since").OptionalTime(int64(hook.FailingFrom))
	w.Key("failing").Bool(hook.FailingFrom != 0 && task.MicrosOf(time.Now())-hook.FailingFrom >= failingAfter)
	w.Key("last_failed_at").OptionalTime(int64(hook.FailedAt))
	w.Key("last_error").Raw(failure)
	w.Key("last_task_id").OptionalString(hook.LastTask)
	if secret != "" {
		w.Key("secret").String(secret)
	}
	w.EndObject()
	return nil
}

// target reads where a webhook sends events; zero if that was damaged.
func (a *API) target(ctx context.Context, hook *projection.Webhook) (target scheduler.WebhookTarget, err error) {
	if hook.CreatedSeq == 0 {
		return target, nil
	}
	body, err := a.Payloads.Get(ctx, hook.CreatedSeq)
	if errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
		return target, nil
	}
	if err == nil {
		err = json.Unmarshal(body, &target)
	}
	return target, err
}

// failureAt is the error that an event says, as a JSON string; nil for seq 0, and for one that is not there any more.
func (a *API) failureAt(ctx context.Context, seq int64) ([]byte, error) {
	if seq == 0 {
		return nil, nil
	}
	body, err := a.Payloads.Get(ctx, seq)
	if errors.Is(err, eventlog.ErrDamaged) || errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
		return nil, nil
	}
	return textIn(body, `{"error":`), err
}

// deleteWebhook answers DELETE /api/webhooks/{name}.
func (a *API) deleteWebhook(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	if err := a.sched().DeleteWebhook(r.Context(), p.caller.actor(), p.id); err != nil {
		return err
	}
	return p.sendDeleted()
}

// testWebhook answers POST /api/webhooks/{name}/test with what the receiver said to an event that is not in the log.
func (a *API) testWebhook(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	if hook, _ := a.Views.Webhook(p.id); hook == nil {
		return scheduler.ErrNoWebhook
	}
	id := "test-" + time.Now().UTC().Format("20060102T150405.000000")
	var event jsontext.Writer
	event.Object()
	event.Key("specversion").String("1.0")
	event.Key("id").String(id)
	event.Key("source").String("urn:daybook:" + a.Log.ID())
	event.Key("type").String("webhook.test")
	event.Key("subject").String("webhook:" + p.id)
	event.Key("time").Time(time.Now().UnixMicro())
	event.Key("datacontenttype").String("application/json")
	event.Key("data").Object()
	event.Key("sent_by").String(p.caller.actor())
	event.EndObject()
	event.EndObject()
	said := a.Webhooks.Test(r.Context(), p.id, id, event)
	var w jsontext.Writer
	w.Object()
	w.Key("delivered").Bool(said.Failure == "")
	if w.Key("status"); said.Status == 0 {
		w.Null()
	} else {
		w.Int(int64(said.Status))
	}
	w.Key("body").OptionalString(said.Body)
	w.Key("duration_ms").Float(said.DurationMS)
	w.Key("error").OptionalString(said.Failure)
	w.EndObject()
	return p.send(typeJSON, w)
}
