package client

import (
	"context"
	"net/http"
	"time"
)

// Webhook is a webhook: events of the log are sent to its URL.
type Webhook struct {
	Name     string        `json:"name"`
	URL      string        `json:"url"`
	Events   []string      `json:"events"` // types, such as task.failed
	Filter   WebhookFilter `json:"filter"`
	RetryFor float64       `json:"retry_for_seconds"` // how long a delivery that fails is tried again
	Timeout  float64       `json:"timeout_seconds"`   // of one attempt

	CreatedAt       *time.Time `json:"created_at,omitempty"`
	CreatedBy       string     `json:"created_by,omitempty"`
	Queued          int64      `json:"queued"`    // events
	Delivered       int64      `json:"delivered"` // events that arrived
	LastDeliveredAt *time.Time `json:"last_delivered_at,omitempty"`
	Failures        int64      `json:"failures"`                // attempts in a row
	FailingSince    *time.Time `json:"failing_since,omitempty"` // nil = the latest attempt arrived
	Failing         bool       `json:"failing"`                 // all attempts have failed for 10 minutes or longer
	LastFailedAt    *time.Time `json:"last_failed_at,omitempty"`
	LastError       string     `json:"last_error,omitempty"`
	LastTaskID      string     `json:"last_task_id,omitempty"`
	// Secret signs the events. It is in the answer to CreateWebhook alone, if the server has made it.
	Secret string `json:"secret,omitempty"`
}

// WebhookFilter says whose events a webhook gets: tasks of one of the types, in one of the queues, with one of the
// tags. None = all.
type WebhookFilter struct {
	TaskTypes []string `json:"task_type,omitempty"`
	Queues    []string `json:"queue,omitempty"`
	Tags      []string `json:"tag,omitempty"`
}

// NewWebhook is a webhook to be created.
type NewWebhook struct {
	Name     string         `json:"name"`
	URL      string         `json:"url"`
	Events   []string       `json:"events"`
	Filter   *WebhookFilter `json:"filter,omitempty"`            // nil = all
	Secret   string         `json:"secret,omitempty"`            // "" = the server makes one
	RetryFor *float64       `json:"retry_for_seconds,omitempty"` // nil = 3 days
	Timeout  *float64       `json:"timeout_seconds,omitempty"`   // nil = 15 s
}

// WebhookTest is what came of a test event.
type WebhookTest struct {
	Delivered  bool    `json:"delivered"`
	Status     int     `json:"status"` // 0 = there was no answer
	Body       string  `json:"body"`
	DurationMS float64 `json:"duration_ms"`
	Error      string  `json:"error"` // "" = it arrived
}

// CreateWebhook makes a webhook. It gets the events that come after it.
func (c *Client) CreateWebhook(ctx context.Context, w NewWebhook) (Webhook, error) {
	var made Webhook
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/webhooks", body: w}, &made)
	return made, err
}

// Webhooks lists the webhooks by name.
func (c *Client) Webhooks(ctx context.Context) ([]Webhook, error) {
	var all []Webhook
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/webhooks"}, &all)
	return all, err
}

// DeleteWebhook deletes a webhook and erases its URL and its secret.
func (c *Client) DeleteWebhook(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: pathOf("/api/webhooks/", name, "")}, nil)
	return err
}

// TestWebhook sends a test event to a webhook now.
func (c *Client) TestWebhook(ctx context.Context, name string) (WebhookTest, error) {
	var said WebhookTest
	_, err := c.do(ctx, call{method: http.MethodPost, path: pathOf("/api/webhooks/", name, "/test")}, &said)
	return said, err
}
