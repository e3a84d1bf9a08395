package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"daybook/handler"
	"daybook/handler/handlertest"
)

// The example of the specification of Standard Webhooks.
func TestTheSignatureIsThatOfTheSpecification(t *testing.T) {
	key, ok := KeyOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if !ok {
		t.Fatal("no key")
	}
	got := Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOnlyWholeSecretsAreTaken(t *testing.T) {
	if _, ok := KeyOf(NewSecret()); !ok {
		t.Error("a new secret is refused")
	}
	for _, bad := range []string{"", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_" + strings.Repeat("AAAA", 22)} {
		if _, ok := KeyOf(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

// receiver is a server on the loopback, and a type that may reach it.
func receiver(t *testing.T, answer http.HandlerFunc) *Type {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	address := strings.TrimPrefix(server.URL, "http://")
	h, err := New(address)
	if err != nil {
		t.Fatal(err)
	}
	h.Lookup = func(_ context.Context, name string) (Target, error) {
		if name != "orders" {
			return Target{}, ErrGone
		}
		return Target{URL: server.URL + "/hook/path-7531?key=query-7531", Secret: secret}, nil
	}
	return h
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func run(t *testing.T, h *Type, name string) (any, error) {
	t.Helper()
	parameters := handlertest.Prepare(t, h, map[string]any{"webhook": name, "event": map[string]any{"specversion": "1.0", "data": map[string]int{"n": 1}}})
	return h.Run(t.Context(), handler.Call{TaskID: "01JX", Files: handlertest.Store(t), Parameters: parameters, Report: func(float64, string) {}})
}

func TestAnEventIsDeliveredAndSigned(t *testing.T) {
	h := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, timestamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		_, _ = io.WriteString(mac, id+"."+timestamp+"."+string(body))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want || id != "01JX" {
			t.Errorf("%v, want %s", r.Header, want)
		}
		if string(body) != `{"data":{"n":1},"specversion":"1.0"}` || r.Method != "POST" || r.Header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" {
			t.Errorf("%s %s %v", r.Method, body, r.Header)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	})
	value, err := run(t, h, "orders")
	if err != nil {
		t.Fatal(err)
	}
	handlertest.CheckResult(t, h, value)
	if r := value.(Result); r.Status != 202 || r.Body != "thanks" || r.BodyBytes != 6 {
		t.Errorf("%+v", r)
	}
}

// Whatever the receiver says is tried again, and no error says what is secret.
func TestWhatFailsIsTriedAgain(t *testing.T) {
	for status, want := range map[int]string{
		500: "answered 500 Internal Server Error: [",
		404: "answered 404 Not Found: [",
		302: "answered 302 Found: redirects are not followed",
		429: "answered 429 Too Many Requests",
	} {
		var calls atomic.Int64
		h := receiver(t, func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			w.Header().Set("Retry-After", "90")
			w.Header().Set("Location", "http://127.0.0.1:1/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, r.URL.Path+" "+r.URL.RawQuery+" "+r.Header.Get("webhook-signature"))
		})
		_, err := run(t, h, "orders")
		if err == nil || handler.IsPermanent(err) || !strings.Contains(err.Error(), want) || calls.Load() != 1 {
			t.Errorf("%d: %v after %d calls", status, err, calls.Load())
			continue
		}
		if strings.Contains(err.Error(), "7531") || strings.Contains(err.Error(), "v1,") {
			t.Errorf("%d: %v has a secret", status, err)
		}
		var later interface{ RetryAfter() time.Duration }
		if !errors.As(err, &later) || later.RetryAfter() != 90*time.Second {
			t.Errorf("%d: Retry-After is not kept: %v", status, err)
		}
	}
}

func TestDeliveriesThatCannotBeAreGivenUp(t *testing.T) {
	h := receiver(t, func(http.ResponseWriter, *http.Request) { t.Error("it was called") })
	if _, err := run(t, h, "deleted"); !handler.IsPermanent(err) || !strings.Contains(err.Error(), "was deleted") {
		t.Error(err)
	}
	lookup := h.Lookup
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	h.Lookup = lookup
	if _, err := run(t, h, "orders"); !handler.IsPermanent(err) || !strings.Contains(err.Error(), "add it to allow of [webhook]") {
		t.Error(err)
	}
}
