package client

import (
	"context"
	"net/http"
	"time"
)

// Alert is an alert: it fires while something that is measured is too large.
type Alert struct {
	Name     string  `json:"name"`
	When     string  `json:"when"`      // oldest_ready_seconds, queue_depth or failure_rate
	Above    float64 `json:"above"`     // it holds while the measure is larger
	Queue    string  `json:"queue"`     // "" = all
	TaskType string  `json:"task_type"` // "" = all
	Window   float64 `json:"window_seconds"`
	Least    int64   `json:"least_tasks"`
	For      float64 `json:"for_seconds"` // how long it must hold until the alert fires, and not hold until it recovers

	Firing      bool       `json:"firing"`
	Value       float64    `json:"value"` // what is measured now
	Fired       int64      `json:"fired"` // how often
	FiredAt     *time.Time `json:"fired_at,omitempty"`
	RecoveredAt *time.Time `json:"recovered_at,omitempty"`
	CreatedAt   *time.Time `json:"created_at,omitempty"`
	CreatedBy   string     `json:"created_by,omitempty"`
}

// NewAlert is an alert to be created.
type NewAlert struct {
	Name     string   `json:"name"`
	When     string   `json:"when"` // oldest_ready_seconds, queue_depth or failure_rate
	Above    float64  `json:"above"`
	Queue    string   `json:"queue,omitempty"`          // of the first two; "" = all
	TaskType string   `json:"task_type,omitempty"`      // of failure_rate; "" = all but WEBHOOK
	Window   float64  `json:"window_seconds,omitempty"` // of failure_rate; 0 = 300
	Least    int64    `json:"least_tasks,omitempty"`    // of failure_rate: with fewer tasks it is 0; 0 = 10
	For      *float64 `json:"for_seconds,omitempty"`    // nil = 30
}

// CreateAlert makes an alert.
func (c *Client) CreateAlert(ctx context.Context, a NewAlert) (Alert, error) {
	var made Alert
	_, err := c.do(ctx, call{method: http.MethodPost, path: "/api/alerts", body: a}, &made)
	return made, err
}

// Alerts lists the alerts by name.
func (c *Client) Alerts(ctx context.Context) ([]Alert, error) {
	var all []Alert
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/api/alerts"}, &all)
	return all, err
}

// DeleteAlert deletes an alert.
func (c *Client) DeleteAlert(ctx context.Context, name string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: pathOf("/api/alerts/", name, "")}, nil)
	return err
}
