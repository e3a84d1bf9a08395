// Package webhook is the type WEBHOOK: it delivers one event to the URL of a webhook, signed as Standard Webhooks
// (https://www.standardwebhooks.com) asks. The server itself submits its tasks. The URL and the secret are not in their
// parameters: each attempt looks them up.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // the schemas
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"daybook/handler"
	"daybook/handler/httprequest"
	"daybook/task"
)

//go:embed parameters.json
var parametersSchema []byte

//go:embed result.json
var resultSchema []byte

// ErrGone: there is no webhook of the name any more.
var ErrGone = errors.New("the webhook was deleted")

const maxResponse = 16 << 10 // bytes of a response that are kept

// Target is where a webhook sends events, and how it signs them.
type Target struct {
	URL     string
	Secret  string        // see NewSecret
	Timeout time.Duration // of one attempt; 0 = 15 s
}

// Type is the task type WEBHOOK.
type Type struct {
	http *httprequest.Type
	// Lookup finds the target of a webhook. To be set before the first task. Errors: ErrGone, or why it cannot be known
	// for now.
	Lookup func(ctx context.Context, name string) (Target, error)
}

// New returns the type. allow lists what it may reach beside the public internet, as for HTTP_REQUEST.
func New(allow ...string) (*Type, error) {
	h, err := httprequest.New(allow...)
	if err != nil {
		return nil, err
	}
	return &Type{http: h, Lookup: func(context.Context, string) (Target, error) { return Target{}, ErrGone }}, nil
}

// Reaches reports whether deliveries may go to the host of a valid URL, as far as its text says.
func (t *Type) Reaches(url string) bool { return t.http.Reaches(url) }

// Spec describes WEBHOOK.
func (*Type) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:  "WEBHOOK",
		Title: "Webhook",
		Description: "Delivers an event to the URL of a webhook. The server submits these tasks. Whatever fails is tried again, " +
			"at the time that Retry-After gives.",
		ParametersSchema: parametersSchema,
		ResultSchema:     resultSchema,
	}
}

// Result is what the receiver said.
type Result struct {
	Status     int     `json:"status"`
	Body       string  `json:"body"` // at most 16 KiB; "" if it is no text
	BodyBytes  int64   `json:"body_bytes"`
	DurationMS float64 `json:"duration_ms"`
}

// Outcome is the status.
func (r Result) Outcome() (string, bool) {
	return strings.TrimSpace(strconv.Itoa(r.Status) + " " + http.StatusText(r.Status)), false
}

// Run delivers the event.
func (t *Type) Run(ctx context.Context, call handler.Call) (any, error) {
	var p struct {
		Webhook string          `json:"webhook"`
		Event   json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(call.Parameters, &p); err != nil {
		return nil, handler.Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	r, err := t.Deliver(ctx, call, p.Webhook, p.Event)
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	call.LogFailure(err)
	return nil, err
}

// Deliver sends an event, a JSON object, to a webhook now. The id of the task is the id of the message. The error says
// in a sentence what is wrong and has no secret in it.
func (t *Type) Deliver(ctx context.Context, call handler.Call, name string, event []byte) (Result, error) {
	target, err := t.Lookup(ctx, name)
	if errors.Is(err, ErrGone) {
		return Result{}, handler.Permanent(fmt.Errorf("the webhook %s was deleted, so nobody gets the event", name))
	}
	if err != nil {
		return Result{}, errors.New("the URL of the webhook cannot be read for now; it is tried again")
	}
	key, ok := KeyOf(target.Secret)
	if !ok {
		return Result{}, handler.Permanent(errors.New("the secret of the webhook cannot be used: delete the webhook and create it again"))
	}
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	signature := Sign(key, call.TaskID, timestamp, event)
	if target.Timeout == 0 {
		target.Timeout = 15 * time.Second
	}
	answer, err := t.http.Post(ctx, call, httprequest.Post{
		URL: target.URL, Body: event, ContentType: "application/cloudevents+json; charset=utf-8", Timeout: target.Timeout,
		Headers:     map[string]string{"webhook-id": call.TaskID, "webhook-timestamp": timestamp, "webhook-signature": signature},
		MaxResponse: maxResponse, Secrets: []string{signature, strings.TrimPrefix(signature, "v1,")}, Section: "webhook",
	})
	return Result(answer), err
}

// Sign is the signature of a message: "v1," and the base64 of the HMAC-SHA256 of its id, timestamp and body, with dots
// between them.
func Sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

const secretPrefix = "whsec_"

// NewSecret makes a secret: "whsec_" and the base64 of 32 random bytes.
func NewSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// KeyOf is the key in a secret; false if it is not "whsec_" and the base64 of 24 to 64 bytes.
func KeyOf(secret string) ([]byte, bool) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	return key, ok && err == nil && 24 <= len(key) && len(key) <= 64
}
