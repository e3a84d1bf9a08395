package daybook

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"daybook/api"
	"daybook/eventlog"
	"daybook/handler"
	"daybook/handler/httprequest"
	"daybook/handler/webhook"
	"daybook/notify"
	"daybook/projection"
	"daybook/scheduler"
)

const webhookType = projection.DeliveryType

// closedTypes are the types that the server submits itself, and what a request can do instead.
var closedTypes = map[string]string{
	webhookType: "is submitted by the server alone; POST /api/webhooks creates a webhook, and POST /api/webhooks/{name}/test sends a test event",
}

// lead does what the process that decides does beside: it makes what the settings declare, queues events for
// webhooks, and watches alerts.
func (d *Daybook) lead(ctx context.Context) {
	d.declareFirst(ctx)
	o := notify.Options{Log: d.log, Views: d.views, Payloads: d.payloads, Scheduler: d.sched(), Logger: d.o.Logger}
	var both sync.WaitGroup
	both.Go(func() { notify.Webhooks(ctx, o) })
	both.Go(func() { notify.Alerts(ctx, o) })
	both.Wait()
}

// webhookTarget looks up where a webhook sends events.
func (d *Daybook) webhookTarget(ctx context.Context, name string) (webhook.Target, error) {
	hook, _ := d.views.Webhook(name)
	if hook == nil {
		return webhook.Target{}, webhook.ErrGone
	}
	body, err := d.payloads.Get(ctx, hook.CreatedSeq)
	if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
		return webhook.Target{}, webhook.ErrGone
	}
	if err != nil {
		return webhook.Target{}, err
	}
	var target scheduler.WebhookTarget
	if err := json.Unmarshal(body, &target); err != nil {
		return webhook.Target{}, err
	}
	return webhook.Target{URL: target.URL, Secret: target.Secret, Timeout: hook.Timeout.Duration()}, nil
}

// webhooks is what the API must know of deliveries.
func (d *Daybook) webhooks() api.Webhooks {
	return api.Webhooks{
		NewSecret:   webhook.NewSecret,
		ValidSecret: func(secret string) bool { _, ok := webhook.KeyOf(secret); return ok },
		ValidURL:    httprequest.ValidURL,
		Reaches: func(url string) bool {
			d.configuring.Lock()
			defer d.configuring.Unlock()
			return d.settings.webhook.Reaches(url)
		},
		Test: func(ctx context.Context, name, id string, event []byte) api.Delivered {
			d.configuring.Lock()
			t := d.settings.webhook
			d.configuring.Unlock()
			began := time.Now()
			r, err := t.Deliver(ctx, handler.Call{TaskID: id, Attempt: 1}, name, event)
			if err != nil {
				return api.Delivered{Status: httprequest.StatusOf(err), Failure: err.Error(), DurationMS: float64(time.Since(began).Microseconds()) / 1000}
			}
			return api.Delivered{Status: r.Status, Body: r.Body, DurationMS: r.DurationMS}
		},
	}
}
