package api

import (
	"context"
	"strings"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
)

func TestTheSecretOfAWebhookIsShownOnceAndNeverInTheLog(t *testing.T) {
	h := open(t, nil)
	made := h.want("POST", "/api/webhooks", `{"name":"a","url":"https://example.com/path-7531?key=query-7531","events":["task.failed"]}`).object(t)
	if made["secret"] != "whsec_made" {
		t.Error(made)
	}
	if bad := h.do("POST", "/api/webhooks", `{"name":"c","url":"https://10.1.2.3/hook","events":["task.failed"]}`); bad.status != 400 || !strings.Contains(bad.body, `"/url"`) || !strings.Contains(bad.body, "allow of [webhook]") {
		t.Errorf("an address that deliveries may not go to: %d %s", bad.status, bad.body)
	}
	const own = "whsec_own-secret"
	if given := h.do("POST", "/api/webhooks", `{"name":"b","url":"https://example.com/","events":["task.failed"],"secret":"`+own+`"}`); given.status != 200 || strings.Contains(given.body, "own-secret") {
		t.Error(given)
	}
	for _, path := range []string{"/api/webhooks", "/api/log?payload=1", "/api/log?payload=texts", "/api/log?payload=1&stream=webhook:a", "/api/log?payload=1&format=ndjson"} {
		body := h.want("GET", path, "").body
		if strings.Contains(body, "whsec_") || strings.Contains(body, "own-secret") {
			t.Errorf("%s has a secret: %s", path, body)
		}
		if strings.Contains(path, "log") && (strings.Contains(body, "path-7531") || strings.Contains(body, "query-7531")) { // the digits alone can be those of a hash
			t.Errorf("%s has the URL: %s", path, body)
		}
	}
}

func TestADeletedWebhookLeavesNoSecretInTheLog(t *testing.T) {
	h := open(t, nil)
	h.want("POST", "/api/webhooks", `{"name":"a","url":"https://example.com/","events":["task.failed"]}`)
	hook, _ := h.api.Views.Webhook("a")
	if body, err := h.log.Payload(t.Context(), hook.CreatedSeq); err != nil || !strings.Contains(string(body), "whsec_made") {
		t.Fatalf("%s %v", body, err)
	}
	h.want("DELETE", "/api/webhooks/a", "")
	if body, err := h.log.Payload(t.Context(), hook.CreatedSeq); err == nil {
		t.Errorf("%s", body)
	}
	if body, err := h.api.Payloads.Get(t.Context(), hook.CreatedSeq); err == nil {
		t.Errorf("%s", body)
	}
	h.want("POST", "/api/webhooks", `{"name":"a","url":"https://example.com/","events":["task.failed"]}`)
}

// noErasing is a log that erases nothing.
type noErasing struct{ *eventlogtest.Memory }

func (noErasing) ErasePayloads(context.Context, ...int64) error { return eventlog.ErrFull }

func TestAWebhookIsDeletedAlsoIfItsSecretIsErasedLater(t *testing.T) {
	h := open(t, noErasing{eventlogtest.NewMemory()})
	h.want("POST", "/api/webhooks", `{"name":"a","url":"https://example.com/","events":["task.failed"]}`)
	h.want("DELETE", "/api/webhooks/a", "")
	if seqs := h.api.Views.WebhookErasures(); len(seqs) != 1 {
		t.Errorf("the next start erases %v", seqs)
	}
	if list := h.want("GET", "/api/webhooks", "").body; list != "[]" {
		t.Error(list)
	}
}

func TestTheFirstWebhookLimitsItsQueueOnce(t *testing.T) {
	h := open(t, nil)
	const made = `,"url":"https://example.com/","events":["task.failed"]}`
	h.want("POST", "/api/webhooks", `{"name":"a"`+made)
	if q := h.want("GET", "/api/queues/webhooks", "").object(t); q["concurrency"] != 4.0 || q["key_concurrency"] != 1.0 || q["fair_keys"] != true {
		t.Error(q)
	}
	h.want("PATCH", "/api/queues/webhooks", `{"concurrency":null}`)
	h.want("POST", "/api/webhooks", `{"name":"b"`+made)
	if q := h.want("GET", "/api/queues/webhooks", "").object(t); q["concurrency"] != nil {
		t.Error(q)
	}
}

func TestAWebhookThatCannotBeIsRefused(t *testing.T) {
	h := open(t, nil)
	for body, pointer := range map[string]string{
		`{"url":"https://e.com","events":["task.failed"]}`:                                                "/name",
		`{"name":"..","url":"https://e.com","events":["task.failed"]}`:                                    "/name",
		`{"name":"` + strings.Repeat("a", 57) + `","url":"https://e.com","events":["task.failed"]}`:       "/name",
		`{"name":"a","events":["task.failed"]}`:                                                           "/url",
		`{"name":"a","url":"file:///etc/passwd","events":["task.failed"]}`:                                "/url",
		`{"name":"a","url":"https://e.com","events":[]}`:                                                  "/events",
		`{"name":"a","url":"https://e.com","events":["webhook.queued"]}`:                                  "/events/0",
		`{"name":"a","url":"https://e.com","events":["task.failed"],"secret":"short"}`:                    "/secret",
		`{"name":"a","url":"https://e.com","events":["task.failed"],"filter":{"status":["FAILED"]}}`:      "/filter/status",
		`{"name":"a","url":"https://e.com","events":["task.failed"],"retry_for_seconds":1e9}`:             "/retry_for_seconds",
		`{"name":"a","url":"https://e.com","events":["task.failed"],"timeout_seconds":0}`:                 "/timeout_seconds",
		`{"name":"a","url":"https://e.com","events":["task.failed"],"filter":{"queue":["no such name"]}}`: "/filter/queue/0",
	} {
		if a := h.do("POST", "/api/webhooks", body); a.status != 400 || !strings.Contains(a.body, `"pointer":"`+pointer+`"`) {
			t.Errorf("%s: %d %s, want %s", body, a.status, a.body, pointer)
		}
	}
	if list := h.want("GET", "/api/webhooks", "").body; list != "[]" {
		t.Error(list)
	}
}
