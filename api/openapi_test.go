package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"daybook/internal/jsontext"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/gorilla/mux"
)

// document is openapi.json, and what of it was driven.
type document struct {
	house  *house
	doc    *openapi3.T
	router routers.Router
	driven map[string]bool // "POST /api/tasks/submit 200"
}

func loadDocument(t *testing.T, h *house) *document {
	t.Helper()
	if _, err := jsontext.Canonical(nil, openAPI, 64); err != nil {
		h.Errorf("openapi.json: %v", err) // a key that is there twice, which the loader takes
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(h.want("GET", "/openapi.json", "").body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &document{house: h, doc: doc, router: router, driven: map[string]bool{}}
}

// drive sends a request that the document must allow, or must not, and checks that the
// answer is one the document foresees.
func (d *document) drive(status int, method, path, body string, headers ...string) answer {
	h := d.house
	h.Helper()
	a := h.do(method, path, body, headers...)
	if a.status != status {
		h.Errorf("%s %s: %d, not %d: %.300s", method, path, a.status, status, a.body)
	}
	documented := strings.Replace(path, "/api/tasks/?", "/api/tasks?", 1) // with and without the slash it is the same
	request, err := http.NewRequestWithContext(context.Background(), method, documented, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	route, parameters, err := d.router.FindRoute(request)
	if err != nil {
		h.Errorf("%s %s is not in the document: %v", method, path, err)
		return a
	}
	d.driven[fmt.Sprintf("%s %s %d", method, route.Path, status)] = true
	in := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{SkipSettingDefaults: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if status == 200 {
		if err := openapi3filter.ValidateRequest(h.Context(), in); err != nil {
			h.Errorf("%s %s: the document refuses the request: %v", method, path, err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: a.status, Header: a.header,
		Body: io.NopCloser(bytes.NewReader([]byte(a.body))), Options: &openapi3filter.Options{IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateResponse(h.Context(), out); err != nil {
		h.Errorf("%s %s: the document refuses the answer %.300s: %v", method, path, a.body, err)
	}
	return a
}

// nodes adds nodes to a cluster and removes them.
func (d *document) nodes() {
	d.drive(409, "PUT", "/api/cluster/nodes/d", "")
	d.house.api.ChangeCluster = func(_ context.Context, name string, add bool) (any, string, error) {
		if name == "a" {
			return nil, "The cluster stays as it is: node a leads.", nil
		}
		return map[string]any{"node": name, "done": !add, "next": "next"}, "", nil
	}
	d.drive(200, "PUT", "/api/cluster/nodes/d", "")
	d.drive(200, "DELETE", "/api/cluster/nodes/d", "")
	if a := d.drive(409, "DELETE", "/api/cluster/nodes/a", ""); !strings.Contains(a.body, "#cluster-refused") || !strings.Contains(a.body, "node a leads") {
		d.house.Error(a.body)
	}
}

func TestTheReferenceSaysWhatTheServerDoes(t *testing.T) {
	for _, name := range []string{"text/event-stream", "text/plain", "text/html", "application/x-ndjson", "text/csv", "*/*", "image/png",
		"application/octet-stream"} {
		openapi3filter.RegisterBodyDecoder(name, openapi3filter.FileBodyDecoder)
	}
	h := open(t, nil)
	d := loadDocument(t, h)
	id := d.drive(200, "POST", "/api/tasks/submit", `{"task_type":"ECHO","parameters":{"n":1},"queue":"q","priority":1,"max_attempts":2,
		"backoff":{"kind":"linear","base_seconds":1,"max_seconds":5,"jitter":false},"timeout_seconds":9.5,"tags":["t"],"idempotency_key":"k"}`,
		"Prefer: wait=10").object(t)["id"].(string)
	later := d.drive(200, "POST", "/api/tasks/submit", `{"task_type":"ECHO","delay_seconds":3600}`).object(t)["id"].(string)
	d.drive(400, "POST", "/api/tasks/submit", `{"task_type":"ECHO","priority":1000}`)
	d.drive(409, "POST", "/api/tasks/submit", `{"task_type":"FAIL"}`, "Idempotency-Key: k")
	d.drive(413, "POST", "/api/tasks/submit", strings.Repeat(" ", maxSubmit+1))
	d.drive(415, "POST", "/api/tasks/submit", "x", "Content-Type: text/plain")
	d.drive(403, "POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, "Sec-Fetch-Site: cross-site")
	d.drive(200, "POST", "/api/tasks/batch", `[{"task_type":"ECHO"},{"task_type":"FAIL"}]`)
	d.drive(200, "POST", "/api/tasks/batch", `[{"task_type":"ECHO","idempotency_key":"twice"},{"task_type":"ECHO","idempotency_key":"twice"}]`)
	d.drive(400, "POST", "/api/tasks/batch", `[{"task_type":"ECHO"},{"task_type":"NOPE"}]`)
	for _, query := range []string{"", "fields=summary&limit=2", "status=PENDING&status=SUCCESS&q=made", "format=csv", "format=ndjson"} {
		d.drive(200, "GET", "/api/tasks/?"+query, "")
	}
	d.drive(400, "GET", "/api/tasks/?status=DONE", "")
	d.drive(200, "GET", "/api/tasks/"+id, "")
	d.drive(200, "GET", "/api/tasks/"+later, "")
	for _, path := range []string{"/api/tasks/", "/api/tasks/" + later, "/api/stats"} {
		d.drive(200, "GET", path+"?at="+itoa(h.views.Seq()), "")
		d.drive(400, "GET", path+"?at=soon", "")
	}
	d.drive(404, "GET", "/api/tasks/"+later+"?at=0", "")
	d.drive(404, "GET", "/api/tasks/nonsense", "")
	d.drive(200, "GET", "/api/tasks/"+id+"/events?payload=1", "")
	erased := d.drive(200, "POST", "/api/tasks/submit", `{"task_type":"ECHO","parameters":{"n":2}}`, "Prefer: wait=10").object(t)["id"].(string)
	d.drive(400, "POST", "/api/tasks/"+erased+"/erase", "{}")
	d.drive(400, "POST", "/api/tasks/"+later+"/erase", `{"reason":"asked for"}`)
	d.drive(200, "POST", "/api/tasks/"+erased+"/erase", `{"reason":"asked for"}`)
	d.drive(404, "POST", "/api/tasks/nonsense/erase", `{"reason":"asked for"}`)
	d.drive(200, "GET", "/api/tasks/"+id+"/events?progress=last&payload=texts&after=0&limit=1", "")
	d.drive(404, "GET", "/api/tasks/nonsense/events", "")
	d.drive(200, "GET", "/api/tasks/"+id+"/log", "")
	d.drive(400, "GET", "/api/tasks/"+id+"/log?level=loud", "")
	d.drive(404, "GET", "/api/tasks/nonsense/log", "")
	d.drive(400, "POST", "/api/tasks/"+id+"/retry", "")
	d.drive(200, "DELETE", "/api/tasks/"+later, "")
	d.drive(400, "DELETE", "/api/tasks/"+later, "")
	d.drive(404, "DELETE", "/api/tasks/nonsense", "")
	d.drive(200, "POST", "/api/tasks/"+later+"/retry", "")
	d.drive(404, "POST", "/api/tasks/nonsense/retry", "")
	d.retryAs()
	d.workers()
	d.queues()
	d.schedules()
	d.bulks()
	d.workflows()
	const declared = `{"title":"Declared","parameters_schema":{"type":"object"},"result_schema":null,"defaults":{"queue":"q","priority":-1,"backoff":{"kind":"linear"},"lease_seconds":60}}`
	d.drive(201, "PUT", "/api/task-types/DECLARED", declared)
	d.drive(200, "PUT", "/api/task-types/DECLARED", declared)
	d.drive(409, "PUT", "/api/task-types/ECHO", `{}`)
	d.drive(400, "PUT", "/api/task-types/DECLARED", `{"parameters_schema":{"type":"objekt"},"defaults":{"lease_seconds":0},"more":1}`)
	d.drive(200, "GET", "/api/task-types", "")
	file := d.drive(200, "POST", "/api/files?name=a.csv", "a,b\n", "Content-Type: text/csv").object(t)["id"].(string)
	d.drive(200, "GET", "/api/files/"+file, "")
	d.drive(404, "GET", "/api/files/nonsense", "")
	d.drive(416, "GET", "/api/files/"+file, "", "Range: bytes=100-200")
	d.drive(400, "POST", "/api/files", "")
	d.drive(200, "GET", "/api/log?limit=3&payload=1&type=task.submitted&stream=task:"+url.PathEscape(id), "")
	d.drive(200, "GET", "/api/log", "", "Accept: application/x-ndjson")
	d.drive(400, "GET", "/api/log?after=x", "")
	d.drive(200, "GET", "/api/log/verify", "")
	d.drive(400, "GET", "/api/log/stream", "", "Last-Event-ID: abc")
	d.drive(400, "GET", "/api/stream", "", "Last-Event-ID: abc")
	for _, path := range []string{"/api/stats", "/api/health", "/api/cluster", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/"} {
		d.drive(200, "GET", path, "")
	}
	d.nodes()
	d.agents()
	d.webhooks()
	d.alerts()
	d.tokens()
	d.complete()
	d.streams()
}

// agents drives the tools for agents.
func (d *document) agents() {
	d.house.Helper()
	d.drive(404, "POST", "/mcp", `{}`)
	d.house.api.ServeAgents(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"result":{}}`))
	}))
	d.drive(200, "POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
}

// alerts drives the calls about alerts.
func (d *document) alerts() {
	d.house.Helper()
	d.drive(200, "POST", "/api/alerts", `{"name":"slow","when":"oldest_ready_seconds","above":600,"queue":"q","for_seconds":60}`)
	d.drive(200, "POST", "/api/alerts", `{"name":"deep","when":"queue_depth","above":1000}`)
	d.drive(200, "POST", "/api/alerts", `{"name":"bad","when":"failure_rate","above":0.1,"task_type":"ECHO","window_seconds":60,"least_tasks":5}`)
	d.drive(409, "POST", "/api/alerts", `{"name":"deep","when":"queue_depth","above":1}`)
	d.drive(400, "POST", "/api/alerts", `{"name":"..","when":"weather","above":-1,"more":1}`)
	d.drive(200, "GET", "/api/alerts", "")
	d.drive(200, "DELETE", "/api/alerts/slow", "")
	d.drive(404, "DELETE", "/api/alerts/slow", "")
}

// webhooks drives the calls about webhooks.
func (d *document) webhooks() {
	d.house.Helper()
	const made = `{"name":"orders","url":"https://example.com/hook?key=1","events":["task.failed","queue.paused"]`
	d.drive(200, "POST", "/api/webhooks", made+`,"filter":{"queue":["q"],"task_type":[],"tag":["t"]},"retry_for_seconds":60.5,"timeout_seconds":2}`)
	d.drive(409, "POST", "/api/webhooks", made+`}`)
	d.drive(400, "POST", "/api/webhooks", `{"name":"..","url":"ftp://example.com","events":["webhook.created"],"secret":"x","filter":{"status":[]}}`)
	d.drive(200, "GET", "/api/webhooks", "")
	d.drive(200, "POST", "/api/webhooks/orders/test", "")
	d.drive(404, "POST", "/api/webhooks/others/test", "")
	d.drive(200, "DELETE", "/api/webhooks/orders", "")
	d.drive(404, "DELETE", "/api/webhooks/orders", "")
}

// retryAs drives retries with parameters, and tasks that are unique.
func (d *document) retryAs() {
	d.house.Helper()
	failed := func() string {
		id := d.drive(200, "POST", "/api/tasks/submit", `{"task_type":"FAIL","parameters":{"n":1},"unique":{"key":"u","on_conflict":"replace"}}`,
			"Prefer: wait=10").object(d.house)["id"].(string)
		return "/api/tasks/" + id
	}
	old := failed()
	made := d.drive(200, "POST", old+"/retry", `{"parameters":{"n":2}}`, "Idempotency-Key: retry").object(d.house)["id"].(string)
	d.drive(200, "POST", old+"/retry", `{"parameters":{"n":2}}`, "Idempotency-Key: retry")
	d.drive(200, "GET", old, "")
	d.drive(200, "GET", "/api/tasks/"+made, "")
	d.house.until(made, "FAILED")
	for _, body := range []string{`{}`, `{"parameters":null}`} {
		d.drive(200, "POST", failed()+"/retry", body)
	}
	d.drive(400, "POST", old+"/retry", `{"parameters":{"n":"x"}}`)
	d.drive(400, "POST", old+"/retry", `{"parameters":{},"more":1}`)
	d.drive(415, "POST", old+"/retry", `x`, "Content-Type: text/plain")
	d.drive(413, "POST", old+"/retry", strings.Repeat(" ", maxSubmit+1))
	const held = `{"task_type":"FAIL","delay_seconds":3600,"unique":{"key":"u","for_seconds":60,"on_conflict":"`
	d.drive(200, "POST", "/api/tasks/submit", held+`replace","max_delay_seconds":3600}}`)
	d.drive(200, "POST", "/api/tasks/submit", held+`return"}}`)
	d.drive(409, "POST", "/api/tasks/submit", held+`reject"}}`)
	d.drive(409, "POST", old+"/retry", `{"parameters":{"n":2}}`)
	d.drive(409, "POST", old+"/retry", "")
}

// queues drives the calls about queues, and moves of tasks.
func (d *document) queues() {
	h := d.house
	h.Helper()
	d.drive(200, "POST", "/api/queues/slow/pause", `{"reason":"maintenance"}`)
	id := d.drive(200, "POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"slow"}`).object(h)["id"].(string)
	d.drive(200, "GET", "/api/tasks/"+id, "")
	d.drive(200, "GET", "/api/queues", "")
	d.drive(200, "GET", "/api/queues/slow", "")
	d.drive(200, "PATCH", "/api/tasks/"+id, `{"priority":5,"run_at":null}`)
	d.drive(200, "PATCH", "/api/tasks/"+id, `{"run_at":"2100-01-01T00:00:00Z"}`)
	d.drive(400, "PATCH", "/api/tasks/"+id, `{}`)
	d.drive(400, "PATCH", "/api/tasks/"+id, `{"priority":1000,"run_at":"soon","more":1}`)
	d.drive(404, "PATCH", "/api/tasks/nonsense", `{"priority":1}`)
	d.drive(200, "PATCH", "/api/queues/slow", `{"concurrency":2,"rate_per_second":0.5,"burst":3,"max_depth":1}`)
	d.drive(200, "GET", "/api/queues/slow", "")
	d.drive(429, "POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"slow"}`)
	d.drive(200, "PATCH", "/api/queues/slow", `{"key_concurrency":1,"key_rate_per_second":2,"key_burst":3,"fair_keys":true,"weight":300}`)
	d.drive(200, "PATCH", "/api/queues/slow", `{"key_concurrency":null,"key_rate_per_second":null,"fair_keys":null,"weight":null}`)
	d.drive(200, "PATCH", "/api/queues/slow", `{"concurrency":null,"rate_per_second":null,"max_depth":null}`)
	for _, body := range []string{`{"concurrency":0}`, `{"concurrency":-1}`, `{"max_depth":1e18}`, `{"rate_per_second":0}`, `{"burst":5}`, `{"speed":1}`,
		`{"key_concurrency":0}`, `{"key_concurrency":-1}`, `{"key_rate_per_second":1e18}`, `{"key_burst":5}`, `{"fair_keys":1}`,
		`{"weight":0}`, `{"weight":1001}`} {
		d.drive(400, "PATCH", "/api/queues/slow", body)
	}
	d.drive(200, "POST", "/api/queues/slow/resume", "")
	d.drive(404, "POST", "/api/queues/a%20b/pause", "")
}

// workflows drives the calls about workflows.
func (d *document) workflows() {
	h := d.house
	h.Helper()
	const body = `{"name":"two","concurrency_key":"k","tasks":{"a":{"task_type":"ECHO","delay_seconds":3600},"b":{"task_type":"ECHO","depends_on":["a"]}},"on_end":{"task_type":"ECHO"}}`
	id := d.drive(200, "POST", "/api/workflows", body).object(h)["id"].(string)
	d.drive(400, "POST", "/api/workflows", `{"name":"none"}`)
	d.drive(200, "GET", "/api/workflows?status=RUNNING&status=PENDING&name=two&limit=1", "")
	d.drive(400, "GET", "/api/workflows?status=DONE", "")
	d.drive(200, "GET", "/api/workflows/"+id, "")
	d.drive(404, "GET", "/api/workflows/nonsense", "")
	d.drive(400, "POST", "/api/workflows/"+id+"/retry", "")
	d.drive(404, "POST", "/api/workflows/nonsense/retry", "")
	d.drive(200, "POST", "/api/workflows/"+id+"/cancel", `{"reason":"not needed"}`)
	d.drive(200, "GET", "/api/tasks/"+id, "", "Prefer: wait=10")
	d.drive(400, "POST", "/api/workflows/"+id+"/cancel", "")
	d.drive(404, "POST", "/api/workflows/nonsense/cancel", "")
	d.drive(200, "POST", "/api/workflows/"+id+"/retry", `{"from":"a","reason":"once more"}`)
}

// bulks drives the calls about bulks and undo.
func (d *document) bulks() {
	h := d.house
	h.Helper()
	id := d.drive(200, "POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"bulk","delay_seconds":3600}`).object(h)["id"].(string)
	const all = `"filter":{"queue":["bulk"],"status":"PENDING","created_after":"2020-01-01T00:00:00Z"}`
	d.drive(200, "POST", "/api/tasks/bulk", `{"action":"reprioritise","priority":5,"dry_run":true,`+all+`}`)
	d.drive(409, "POST", "/api/tasks/bulk", `{"action":"cancel","expected_count":2,`+all+`}`)
	d.drive(200, "POST", "/api/tasks/bulk", `{"action":"retry","filter":{"queue":"none"}}`)
	d.drive(200, "POST", "/api/tasks/bulk", `{"action":"move","run_at":"2100-01-01T00:00:00Z",`+all+`}`, "Prefer: wait=10")
	done := d.drive(200, "POST", "/api/tasks/bulk", `{"action":"cancel","expected_count":1,"reason":"not needed",`+all+`}`).object(h)["id"].(string)
	d.drive(400, "POST", "/api/tasks/bulk", `{"action":"cancel"}`)
	d.drive(200, "GET", "/api/bulks", "")
	d.drive(200, "GET", "/api/bulks/"+done, "", "Prefer: wait=1")
	d.drive(404, "GET", "/api/bulks/nonsense", "")
	d.drive(409, "POST", "/api/bulks/"+done+"/stop", `{"reason":"late"}`)
	d.drive(200, "POST", "/api/bulks/"+done+"/undo", `{"reason":"they are needed"}`)
	d.drive(404, "POST", "/api/bulks/nonsense/undo", "")
	seq := d.drive(200, "DELETE", "/api/tasks/"+id, "").header.Get("X-Log-Seq")
	d.drive(200, "POST", "/api/undo", `{"seq":`+seq+`}`)
	d.drive(409, "POST", "/api/undo", `{"seq":`+seq+`}`)
	d.drive(400, "POST", "/api/undo", `{"seq":1}`)
	h.want("POST", "/api/queues/bulk/pause", "")
	events := h.want("GET", "/api/log?type=queue.paused&stream=queue:bulk", "").list(h)
	d.drive(200, "POST", "/api/undo", `{"seq":`+fmt.Sprint(events[0]["seq"])+`}`)
	d.longBulk()
}

// longBulk drives the calls about a bulk that takes long: the undo of a cancel whose task has not stopped.
func (d *document) longBulk() {
	h := d.house
	h.Helper()
	const worker = `{"worker":"slow","task_types":["REMOTE"],"queues":["slow-stop"],"lease_seconds":60,"max":`
	h.want("POST", "/api/leases", worker+`0}`)
	h.want("POST", "/api/tasks/submit", `{"task_type":"REMOTE","queue":"slow-stop"}`)
	h.want("POST", "/api/leases", worker+`1,"wait_seconds":10}`)
	id := h.want("POST", "/api/tasks/bulk", `{"action":"cancel","filter":{"queue":"slow-stop"}}`).object(h)["id"].(string)
	undo := d.drive(202, "POST", "/api/bulks/"+id+"/undo", "", "Prefer: wait=0")
	if at := undo.header.Get("Location"); at != "/api/bulks/"+undo.object(h)["id"].(string) {
		h.Errorf("the bulk is at %q", at)
	}
	at := "/api/bulks/" + undo.object(h)["id"].(string)
	d.drive(400, "POST", at+"/undo", "")
	d.drive(200, "POST", at+"/stop", `{"reason":"it takes too long"}`)
	if got := d.drive(200, "GET", at, "").object(h)["status"]; got != "STOPPED" {
		h.Errorf("it is %v", got)
	}
}

// steps drives the calls about durable steps.
func (d *document) steps(id, token string) {
	d.house.Helper()
	at := "/api/leases/" + token + "/steps"
	d.drive(200, "PUT", at+"/charge", `{"payment":"p-1"}`)
	d.drive(200, "PUT", at+"/charge.2", `null`)
	d.drive(409, "PUT", at+"/charge", `{"payment":"p-2"}`)
	d.drive(400, "PUT", at+"/charge", "")
	d.drive(400, "PUT", at+"/char%20ge", "1")
	d.drive(200, "PUT", at, `{"steps":{"a":1,"b":[2]}}`)
	d.drive(200, "PUT", at, `{"steps":{}}`)
	d.drive(409, "PUT", at, `{"steps":{"a":2,"b":3,"c":3}}`)
	d.drive(400, "PUT", at, `{"step":{"a":2}}`)
	d.drive(200, "GET", "/api/tasks/"+id+"/steps", "")
	d.drive(404, "GET", "/api/tasks/nonsense/steps", "")
	d.drive(200, "POST", "/api/tasks/"+id+"/steps/charge/forget", `{"reason":"it was refunded by hand"}`)
	d.drive(404, "POST", "/api/tasks/"+id+"/steps/charge/forget", `{"reason":"it was refunded by hand"}`)
	d.drive(400, "POST", "/api/tasks/"+id+"/steps/a/forget", `{}`)
}

// suspends drives the calls about suspended tasks. lease gives a token.
func (d *document) suspends(lease func() string) {
	h := d.house
	h.Helper()
	at := "/api/leases/" + lease() + "/suspend"
	d.drive(400, "POST", at, `{"step":"s"}`)
	d.drive(400, "POST", at, `{"step":"s","events":[]}`)
	d.drive(200, "POST", "/api/events", `{"name":"early","payload":[1],"keep_seconds":60}`)
	d.drive(200, "POST", "/api/events", `{"name":"early"}`)
	d.drive(400, "POST", "/api/events", `{"name":"ea rly"}`)
	d.drive(200, "POST", at, `{"step":"early","events":["early","late"],"timeout_seconds":3600}`)
	d.drive(200, "POST", at, `{"step":"slept","seconds":0}`)
	d.drive(200, "POST", at, `{"step":"ask","approval":{"role":"operator","title":"Refund?","fields":{"type":"object"}},"timeout_seconds":3600}`)
	d.drive(409, "POST", at, `{"step":"more","until":"2100-01-01T00:00:00Z"}`)
	asked := d.drive(200, "GET", "/api/approvals?limit=1&after=0", "").list(h)
	id := asked[0]["task_id"].(string)
	d.drive(200, "GET", "/api/tasks/"+id, "")
	d.drive(200, "GET", "/api/tasks?waiting=suspended", "")
	d.drive(200, "GET", "/api/stats", "")
	d.drive(400, "PATCH", "/api/tasks/"+id, `{"run_at":null}`)
	answer := "/api/tasks/" + id + "/approvals/ask"
	d.drive(400, "POST", answer, `{}`)
	d.drive(400, "POST", answer, `{"approve":true,"answer":{"other":1}}`)
	d.drive(200, "POST", answer, `{"approve":true,"answer":{"amount":1},"reason":"within budget"}`)
	d.drive(409, "POST", answer, `{"approve":false}`)
	d.drive(200, "GET", "/api/tasks/"+id+"/steps", "")
}

// children drives the calls about children. lease gives a token.
func (d *document) children(lease func() string) {
	h := d.house
	h.Helper()
	at := "/api/leases/" + lease()
	d.drive(400, "POST", at+"/children", `{"step":"fan"}`)
	d.drive(400, "POST", at+"/children", `{"step":"fan","tasks":{"a":{"task_type":"NONE"}}}`)
	kids := `"tasks":{"a":{"task_type":"ECHO","parameters":{}},"b":{"task_type":"LATER"}}`
	d.drive(200, "POST", "/api/leases", `{"worker":"w-2","task_types":["LATER"],"max":0}`)
	made := d.drive(200, "POST", at+"/children", `{"step":"fan",`+kids+`,"on_failure":"collect","join":"all","detached":false}`).object(h)
	d.drive(200, "POST", at+"/children", `{"step":"fan",`+kids+`,"on_failure":"collect"}`)
	d.drive(409, "POST", at+"/children", `{"step":"fan","tasks":{"c":{"task_type":"ECHO"}}}`)
	d.drive(200, "POST", at+"/suspend", `{"step":"join","children":"fan"}`)
	child := made["tasks"].(map[string]any)["b"].(map[string]any)["id"].(string)
	parent := d.drive(200, "GET", "/api/tasks/"+child, "").object(h)["parent_id"].(string)
	d.drive(200, "GET", "/api/tasks/"+parent, "")
	d.drive(200, "GET", "/api/tasks?parent="+parent+"&status=PENDING", "")
	d.drive(400, "GET", "/api/tasks?parent=nonsense", "")
	d.drive(200, "DELETE", "/api/tasks/"+parent, "")
	d.house.until(parent, "CANCELLED")
	d.drive(400, "POST", "/api/tasks/"+child+"/retry", "")
	d.drive(200, "GET", "/api/tasks/"+parent+"/steps", "")
}

// workers drives the calls of workers.
func (d *document) workers() {
	h := d.house
	h.Helper()
	lease := func() string {
		d.drive(200, "POST", "/api/leases", `{"worker":"w-1","task_types":["REMOTE"],"max":0}`) // which makes the type known
		d.drive(200, "POST", "/api/tasks/submit", `{"task_type":"REMOTE","parameters":{"n":1}}`)
		got := d.drive(200, "POST", "/api/leases", `{"worker":"w-1","build":"v1","task_types":["REMOTE"],"queues":["default"],"max":5,"wait_seconds":10,"lease_seconds":60,"poll_id":"a"}`).object(h)
		return got["leases"].([]any)[0].(map[string]any)["token"].(string)
	}
	token := lease()
	d.drive(200, "GET", "/api/workers", "")
	d.drive(200, "POST", "/api/workers/w-1/beat", `{"tokens":["`+token+`"],"lease_seconds":10}`)
	d.drive(200, "POST", "/api/leases/"+token+"/heartbeat", `{"progress":50,"message":"half"}`)
	lines := `[{"text":"a"},{"at":"2026-11-24T12:00:00Z","level":"warn","text":"b","attributes":{"n":1}}]`
	d.drive(200, "POST", "/api/leases/"+token+"/log", lines)
	d.drive(200, "POST", "/api/leases/"+token+"/heartbeat", `{"progress":60,"log":`+lines+`}`)
	d.drive(400, "POST", "/api/leases/"+token+"/log", `[{"text":"a","level":"loud"}]`)
	id := d.house.want("GET", "/api/workers", "").list(h)[0]["holds"].([]any)[0].(map[string]any)["task_id"].(string)
	d.steps(id, token)
	d.drive(200, "GET", "/api/tasks/"+id+"/log?after=0&limit=3&attempt=1&level=info", "")
	d.drive(200, "GET", "/api/tasks/"+id+"/log?tail=2&before=100", "", "Accept: application/x-ndjson")
	d.drive(200, "POST", "/api/leases/"+token+"/complete", `{"result":{"n":1},"outcome":"one"}`)
	d.drive(200, "POST", "/api/leases/"+token+"/complete", `{"result":{"n":1.0}}`)
	d.drive(400, "POST", "/api/leases/"+token+"/complete", "")
	d.drive(409, "POST", "/api/leases/"+token+"/complete", `{"result":{"n":2}}`)
	d.drive(409, "POST", "/api/leases/"+token+"/heartbeat", "")
	d.drive(409, "POST", "/api/leases/"+token+"/log", lines)
	d.suspends(lease)
	d.children(lease)
	d.drive(200, "POST", "/api/leases/"+lease()+"/fail", `{"error":"no","retryable":false}`)
	token = lease()
	d.drive(400, "POST", "/api/leases/"+token+"/complete", `{"files":["none"]}`)
	d.drive(200, "POST", "/api/leases/"+token+"/release", `{"delay_seconds":3600}`)
	token = lease()
	d.drive(200, "POST", "/api/leases", `{"worker":"w-1","reports":[{"token":"`+token+`","do":"complete"},{"token":"dbl_x","do":"fail"},{"token":"dbl_y","do":"release"}]}`)
	d.drive(400, "POST", "/api/leases", `{"worker":"a/b","task_types":["a b"],"max":-1,"lease_seconds":0,"more":1}`)
	d.drive(400, "POST", "/api/leases", `{}`)
	d.drive(400, "POST", "/api/leases", `{"worker":"w-1","task_types":["BUILT_IN"]}`)
	d.drive(200, "POST", "/api/workers/w-1/quiet", "")
	d.drive(200, "POST", "/api/workers/w-1/resume", "")
	d.drive(404, "POST", "/api/workers/nobody/quiet", "")
}

// tokens drives the calls about tokens. In the end there is none.
func (d *document) tokens() {
	h := d.house
	h.Helper()
	const form = "Content-Type: application/x-www-form-urlencoded"
	d.drive(200, "GET", "/api/me", "")
	d.drive(409, "POST", "/api/tokens", `{"name":"ci","role":"submitter"}`)
	root := d.drive(200, "POST", "/api/tokens", `{"name":"root","role":"admin"}`).object(h)["token"].(string)
	d.drive(401, "GET", "/api/me", "")
	d.drive(401, "GET", "/api/stats", "")
	d.drive(401, "POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, bearer(NewToken()))
	d.drive(200, "GET", "/api/me", "", bearer(root))
	ci := d.drive(200, "POST", "/api/tokens", `{"name":"ci","role":"submitter","queues":["q"],"task_types":["ECHO"],"expires_at":"2099-01-01T00:00:00Z"}`,
		bearer(root)).object(h)["token"].(string)
	d.drive(200, "GET", "/api/me", "", bearer(ci))
	d.drive(403, "GET", "/api/tokens", "", bearer(ci))
	d.drive(400, "POST", "/api/tokens", `{"name":"a b","role":"root"}`, bearer(root))
	d.drive(200, "GET", "/api/tokens", "", bearer(root))
	d.drive(409, "DELETE", "/api/tokens/root", "", bearer(root))
	d.drive(404, "DELETE", "/api/tokens/nobody", "", bearer(root))
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	d.drive(200, "GET", "/sign-in", "")
	d.drive(303, "POST", "/sign-in", "token="+root, form)
	d.drive(401, "POST", "/sign-in", "token=x", form)
	d.drive(303, "POST", "/sign-out", "")
	h.client.CheckRedirect = nil
	d.drive(200, "DELETE", "/api/tokens/ci", "", bearer(root))
	d.drive(200, "DELETE", "/api/tokens/root", "", bearer(root))
}

// schedules drives the calls of schedules.
func (d *document) schedules() {
	d.house.Helper()
	const nightly = `{"cron":"30 2 * * *","timezone":"Europe/Berlin","dst":{"gap":"skip","overlap":"both"},"task":{"task_type":"ECHO","parameters":{"n":1}},
		"overlap":"buffer_one","catch_up":"all","max_lateness_seconds":600,"jitter_seconds":60,"starts_at":"2026-01-01T00:00:00Z","ends_at":"2099-01-01T00:00:00Z","pause_on_failure":3`
	d.drive(200, "POST", "/api/schedules", nightly+`,"name":"nightly"}`)
	d.drive(409, "POST", "/api/schedules", nightly+`,"name":"nightly"}`)
	d.drive(200, "PUT", "/api/schedules/nightly", nightly+`}`)
	d.drive(200, "PATCH", "/api/schedules/nightly", `{"every_seconds":3600,"ends_at":null}`)
	d.drive(200, "POST", "/api/schedules/nightly/run", "")
	d.drive(200, "POST", "/api/schedules/nightly/pause", `{"reason":"holidays"}`)
	d.drive(200, "POST", "/api/schedules/nightly/pause", "")
	d.drive(200, "GET", "/api/schedules", "")
	d.drive(200, "POST", "/api/schedules/nightly/resume", "")
	d.drive(200, "GET", "/api/schedules/nightly/runs", "")
	d.drive(200, "GET", "/api/schedules/nightly", "")
	d.drive(200, "POST", "/api/schedules/preview", `{"cron":"@daily","count":3}`)
	d.drive(400, "POST", "/api/schedules/preview", `{"cron":"61 * * * *"}`)
	d.drive(200, "POST", "/api/schedules/nightly/backfill", `{"from":"2026-01-02T00:00:00Z","to":"2026-01-02T03:00:00Z","dry_run":true}`)
	d.drive(200, "POST", "/api/schedules/nightly/backfill", `{"from":"2026-01-02T00:00:00Z","to":"2026-01-02T03:00:00Z"}`)
	d.drive(400, "POST", "/api/schedules/nightly/backfill", `{"from":"2026-01-02T00:00:00Z","to":"2999-01-01T00:00:00Z"}`)
	d.drive(404, "POST", "/api/schedules/none/backfill", `{"from":"2026-01-02T00:00:00Z","to":"2026-01-02T03:00:00Z"}`)
	d.drive(200, "PUT", "/api/schedules/nightly", `{"cron":"@daily","task":null,"workflow":{"name":"n","tasks":{"a":{"task_type":"ECHO"}},"on_end":null}}`)
	d.drive(400, "PATCH", "/api/schedules/nightly", `{"workflow":{"name":"n","tasks":{"a":{"task_type":"NONE"}}}}`)
	d.drive(200, "POST", "/api/schedules/nightly/run", "")
	d.drive(200, "DELETE", "/api/schedules/nightly", "")
	d.drive(404, "DELETE", "/api/schedules/nightly", "")
	d.drive(404, "GET", "/api/schedules/nightly", "")
}

// complete checks that every operation was driven, and that the document has every path.
func (d *document) complete() {
	h := d.house
	h.Helper()
	for path, item := range d.doc.Paths.Map() {
		for method := range item.Operations() {
			stream := strings.HasSuffix(path, "/stream")
			if !d.driven[method+" "+path+" 200"] && !d.driven[method+" "+path+" 303"] && !stream {
				h.Errorf("%s %s was not driven to a 200", method, path)
			}
		}
	}
	for _, path := range h.api.paths() {
		item := d.doc.Paths.Find(path)
		if item == nil && !strings.HasPrefix(path, "/static/") {
			h.Errorf("%s is not in the document", path)
		}
	}
}

// streams checks messages of the streams by their schemas.
func (d *document) streams() {
	h := d.house
	for path, schema := range map[string]string{"/api/stream?after=0": "ScreenMessage", "/api/log/stream?after=0": "Event"} {
		l := h.listen(path)
		for _, name := range []string{"StreamStart", schema} {
			m, _ := l.next()
			value := answer{body: m.data}.object(h)
			if err := d.doc.Components.Schemas[name].Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
				h.Errorf("%s: %s: %v", path, m.data, err)
			}
		}
		l.close()
	}
}

func TestTheReferencePageHasEveryKindOfProblem(t *testing.T) {
	h := open(t, nil)
	page := h.want("GET", "/docs", "").body
	for _, kind := range kinds() {
		if !strings.Contains(page, `id="`+kind+`"`) {
			t.Errorf("/docs has no #%s", kind)
		}
	}
}

func TestTheDocsNameOnlyKnownKindsOfProblem(t *testing.T) {
	known := kinds()
	named := 0
	for _, glob := range []string{"../*.md", "../docs/*.md", "../docs/adr/*.md"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range regexp.MustCompile("\\b[45]\\d\\d `([a-z-]+)`").FindAllStringSubmatch(string(text), -1) {
				if named++; !slices.Contains(known, match[1]) {
					t.Errorf("%s names the problem %s, which does not exist", file, match[1])
				}
			}
		}
	}
	if named == 0 {
		t.Error("the docs name no kind of problem: the test reads the wrong files")
	}
}

// paths lists what the router knows, in its order.
func (a *API) paths() []string {
	var list []string
	_ = a.router.Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		list = append(list, path)
		return err
	})
	return list
}
