package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"daybook/intake"
)

// refusal is a request that must be refused, and how.
type refusal struct {
	request string // "POST /api/tasks/submit"
	body    string
	headers []string
	status  int
	pointer string // of the first error; "-" = the problem has none
}

const submit = "POST /api/tasks/submit"

func refusals(h *house) []refusal {
	deep := `{"task_type":"ECHO","parameters":` + strings.Repeat(`{"a":`, 200_000) + "1" + strings.Repeat("}", 200_000) + "}"
	nested := strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000)
	unknown := "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	list := []refusal{
		// Bodies that are not JSON, or not what they say.
		{submit, "", nil, 400, ""},
		{submit, "{", nil, 400, ""},
		{submit, "null", nil, 400, ""},
		{submit, "[]", nil, 400, ""},
		{submit, `"x"`, nil, 400, ""},
		{submit, "{}{}", nil, 400, ""},
		{submit, "{}", nil, 400, "/task_type"},
		{submit, `{"task_type":"ECHO","task_type":"ECHO"}`, nil, 400, "/task_type"},
		{submit, `{"task_type":"ECHO","parameters":{"a":{"b":1,"b":2}}}`, nil, 400, "/parameters/a/b"},
		{submit, `{"task_type":"ECHO","t\u0061sk_type":"ECHO"}`, nil, 400, "/task_type"},
		{submit, "{\"task_type\":\"ECHO\",\"parameters\":{\"a\":\"\xff\"}}", nil, 400, "/parameters/a"},
		{submit, "{\"task_type\":\"ECHO\",\"parameters\":{\"a\":\"\x00\"}}", nil, 400, "/parameters/a"},
		{submit, `{"task_type":"ECHO","parameters":{"a":"\u0000"}}`, nil, 400, "/parameters/a"},
		{submit, `{"task_type":"ECHO","parameters":{"a":"\ud800"}}`, nil, 400, "/parameters/a"},
		{submit, deep, nil, 413, "-"},
		{submit, nested, nil, 400, strings.Repeat("/0", maxDepth+1)},
		{"POST /api/tasks/batch", strings.Repeat("[", 5_000_000) + strings.Repeat("]", 5_000_000), nil, 400, strings.Repeat("/0", maxDepth+2)},
		{submit, `{"task_type":"ECHO"}`, []string{"Content-Type: text/plain"}, 415, "-"},
		{submit, `{"task_type":"ECHO"}`, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "-"},
		{submit, `{"task_type":"ECHO"}`, []string{"Content-Type: ;;;"}, 415, "-"},
		{submit, strings.Repeat(" ", 1<<20+1), nil, 413, "-"},
		{submit, `{"task_type":"ECHO","parameters":{"a":"` + strings.Repeat("x", 256<<10) + `"}}`, nil, 400, "/parameters"},

		// Fields of the wrong type, or out of range.
		{submit, `{"task_type":null}`, nil, 400, "/task_type"},
		{submit, `{"task_type":5}`, nil, 400, "/task_type"},
		{submit, `{"task_type":"NOPE"}`, nil, 400, "/task_type"},
		{submit, `{"task_type":"a b"}`, nil, 400, "/task_type"},
		{submit, `{"task_type":""}`, nil, 400, "/task_type"},
		{submit, `{"task_type":"ECHO","parameters":[]}`, nil, 400, "/parameters"},
		{submit, `{"task_type":"ECHO","parameters":"{}"}`, nil, 400, "/parameters"},
		{submit, `{"task_type":"ECHO","parameters":{"n":"x"}}`, nil, 400, "/parameters/n"},
		{submit, `{"task_type":"ECHO","parameters":{"file":"` + strings.Repeat("ab", 32) + `"}}`, nil, 400, "/parameters/file"},
		{submit, `{"task_type":"ECHO","parameters":{"file":"../../etc/passwd"}}`, nil, 400, "/parameters/file"},
		{submit, `{"task_type":"ECHO","bogus":1}`, nil, 400, "/bogus"},
		{submit, `{"task_type":"ECHO","a/b~c":null}`, nil, 400, "/a~1b~0c"},
		{submit, `{"task_type":"ECHO","depends_on":["x"]}`, nil, 400, "/depends_on/0"},
		{submit, `{"task_type":"ECHO","concurrency_key":""}`, nil, 400, "/concurrency_key"},
		{submit, `{"task_type":"ECHO","concurrency_key":"` + strings.Repeat("k", 201) + `"}`, nil, 400, "/concurrency_key"},
		{submit, `{"task_type":"ECHO","concurrency_key":"a\u0000b"}`, nil, 400, "/concurrency_key"},
		{submit, `{"task_type":"ECHO","on_conflict":"reject"}`, nil, 400, "/on_conflict"},
		{submit, `{"task_type":"ECHO","concurrency_key":"x","on_conflict":"return"}`, nil, 400, "/on_conflict"},
		{submit, `{"task_type":"ECHO","queue":1}`, nil, 400, "/queue"},
		{submit, `{"task_type":"ECHO","queue":""}`, nil, 400, "/queue"},
		{submit, `{"task_type":"ECHO","queue":"a/b"}`, nil, 400, "/queue"},
		{submit, `{"task_type":"ECHO","priority":101}`, nil, 400, "/priority"},
		{submit, `{"task_type":"ECHO","priority":-1e400}`, nil, 400, "/priority"},
		{submit, `{"task_type":"ECHO","priority":99999999999999999999}`, nil, 400, "/priority"},
		{submit, `{"task_type":"ECHO","priority":1.5}`, nil, 400, "/priority"},
		{submit, `{"task_type":"ECHO","priority":"5"}`, nil, 400, "/priority"},
		{submit, `{"task_type":"ECHO","run_at":"tomorrow"}`, nil, 400, "/run_at"},
		{submit, `{"task_type":"ECHO","run_at":0}`, nil, 400, "/run_at"},
		{submit, `{"task_type":"ECHO","run_at":"1969-01-01T00:00:00Z"}`, nil, 400, "/run_at"},
		{submit, `{"task_type":"ECHO","run_at":"2030-01-01T00:00:00Z","delay_seconds":1}`, nil, 400, "/delay_seconds"},
		{submit, `{"task_type":"ECHO","delay_seconds":1,"run_at":"2030-01-01T00:00:00Z"}`, nil, 400, "/run_at"},
		{submit, `{"task_type":"ECHO","delay_seconds":-1}`, nil, 400, "/delay_seconds"},
		{submit, `{"task_type":"ECHO","delay_seconds":1e308}`, nil, 400, "/delay_seconds"},
		{submit, `{"task_type":"ECHO","max_attempts":0}`, nil, 400, "/max_attempts"},
		{submit, `{"task_type":"ECHO","max_attempts":1001}`, nil, 400, "/max_attempts"},
		{submit, `{"task_type":"ECHO","timeout_seconds":0.0001}`, nil, 400, "/timeout_seconds"},
		{submit, `{"task_type":"ECHO","timeout_seconds":1e9}`, nil, 400, "/timeout_seconds"},
		{submit, `{"task_type":"ECHO","backoff":5}`, nil, 400, "/backoff"},
		{submit, `{"task_type":"ECHO","backoff":{"kind":"cubic"}}`, nil, 400, "/backoff/kind"},
		{submit, `{"task_type":"ECHO","backoff":{"base_seconds":-1}}`, nil, 400, "/backoff/base_seconds"},
		{submit, `{"task_type":"ECHO","backoff":{"base_seconds":9,"max_seconds":3}}`, nil, 400, "/backoff/max_seconds"},
		{submit, `{"task_type":"ECHO","backoff":{"jitter":"no"}}`, nil, 400, "/backoff/jitter"},
		{submit, `{"task_type":"ECHO","backoff":{"factor":2}}`, nil, 400, "/backoff/factor"},
		{submit, `{"task_type":"ECHO","tags":"x"}`, nil, 400, "/tags"},
		{submit, `{"task_type":"ECHO","tags":["x",1]}`, nil, 400, "/tags/1"},
		{submit, `{"task_type":"ECHO","tags":["x","\n"]}`, nil, 400, "/tags/1"},
		{submit, `{"task_type":"ECHO","tags":[` + strings.Repeat(`"x",`, 20) + `"x"]}`, nil, 400, "/tags"},
		{submit, `{"task_type":"ECHO","idempotency_key":""}`, nil, 400, "/idempotency_key"},
		{submit, `{"task_type":"ECHO","idempotency_key":"` + strings.Repeat("k", 256) + `"}`, nil, 400, "/idempotency_key"},
		{submit, `{"task_type":"ECHO","idempotency_key":"a"}`, []string{"Idempotency-Key: b"}, 400, "/idempotency_key"},
		{submit, `{"task_type":"ECHO"}`, []string{"Idempotency-Key: "}, 400, "Idempotency-Key"},
		{submit, `{"task_type":"ECHO"}`, []string{"Idempotency-Key: a", "Idempotency-Key: b"}, 400, "Idempotency-Key"},
		{"POST /api/tasks/submit?x=1", `{"task_type":"ECHO"}`, nil, 400, "?x"},

		{"POST /api/tasks/batch", "", nil, 400, ""},
		{"POST /api/tasks/batch", "{}", nil, 400, ""},
		{"POST /api/tasks/batch", "[]", nil, 400, ""},
		{"POST /api/tasks/batch", "[" + strings.Repeat(`{"task_type":"ECHO"},`, 1000) + `{"task_type":"ECHO"}]`, nil, 400, ""},
		{"POST /api/tasks/batch", "{\"task_type\":\"ECHO\"}\n{", []string{"Content-Type: application/x-ndjson"}, 400, "/1"},
		{"POST /api/tasks/batch", strings.Repeat(" ", 16<<20+1), nil, 413, "-"},

		// Tasks that are not there, and bodies nobody asked for.
		{"GET /api/tasks/" + unknown, "", nil, 404, "-"},
		{"GET /api/tasks/nonsense", "", nil, 404, "-"},
		{"GET /api/tasks/" + strings.ToLower(unknown), "", nil, 404, "-"},
		{"GET /api/tasks/..%2f..%2fetc", "", nil, 404, "-"},
		{"GET /api/tasks/%00", "", nil, 404, "-"},
		{"DELETE /api/tasks/" + unknown, "", nil, 404, "-"},
		{"POST /api/tasks/" + unknown + "/retry", "", nil, 404, "-"},
		{"POST /api/tasks/" + unknown + "/retry", `{"now":true}`, nil, 400, "/now"},
		{"POST /api/tasks/" + unknown + "/retry", `[]`, nil, 400, ""},
		{"GET /api/tasks/" + unknown + "/events", "", nil, 404, "-"},
		{"GET /api/tasks/" + unknown + "/events?payload=yes", "", nil, 400, "?payload"},
		{"GET /api/tasks/" + unknown + "?at=3", "", nil, 400, "?at"},

		// Lists.
		{"GET /api/tasks/?status=DONE", "", nil, 400, "?status"},
		{"GET /api/tasks/?status=pending", "", nil, 400, "?status"},
		{"GET /api/tasks/?task_type=a%20b", "", nil, 400, "?task_type"},
		{"GET /api/tasks/?page=2", "", nil, 400, "?page"},
		{"GET /api/tasks/?limit=1001", "", nil, 400, "?limit"},
		{"GET /api/tasks/?limit=99999999999999999999", "", nil, 400, "?limit"},
		{"GET /api/tasks/?limit=1&limit=2", "", nil, 400, "?limit"},
		{"GET /api/tasks/?cursor=zzz", "", nil, 400, "?cursor"},
		{"GET /api/tasks/?cursor=AAAAAAAAAAAAAA", "", nil, 400, "?cursor"},
		{"GET /api/tasks/?created_after=yesterday", "", nil, 400, "?created_after"},
		{"GET /api/tasks/?fields=none", "", nil, 400, "?fields"},
		{"GET /api/tasks/?format=xml", "", nil, 400, "?format"},
		{"GET /api/tasks/?q=%ff", "", nil, 400, "?q"},
		{"GET /api/tasks/?q=%00", "", nil, 400, "?q"},
		{"GET /api/tasks/?duration_min=-1", "", nil, 400, "?duration_min"},
		{"GET /api/tasks/?duration_max=NaN", "", nil, 400, "?duration_max"},
		{"GET /api/tasks/?duration_max=1m", "", nil, 400, "?duration_max"},
		{"GET /api/tasks/?%zz", "", nil, 400, "?"},
		{"GET /api/tasks/?q=" + strings.Repeat("x", 20_000), "", nil, 400, "?"},
		{"GET /api/tasks/?q=" + strings.Repeat("x", 201), "", nil, 400, "?q"},

		// The log and its streams.
		{"GET /api/log?after=-1", "", nil, 400, "?after"},
		{"GET /api/log?after=x", "", nil, 400, "?after"},
		{"GET /api/log?limit=5000", "", nil, 400, "?limit"},
		{"GET /api/log?type=task.strated", "", nil, 400, "?type"},
		{"GET /api/log?stream=nonsense", "", nil, 400, "?stream"},
		{"GET /api/log?format=csv", "", nil, 400, "?format"},
		{"GET /api/log/verify?deep=1", "", nil, 400, "?deep"},
		{"GET /api/log/checkpoint", "", nil, 404, "-"},
		{"GET /api/log/stream", "", []string{"Last-Event-ID: abc"}, 400, "Last-Event-ID"},
		{"GET /api/log/stream", "", []string{"Last-Event-ID: -1"}, 400, "Last-Event-ID"},
		{"GET /api/log/stream", "", []string{"Last-Event-ID: 99999999999999999999"}, 400, "Last-Event-ID"},
		{"GET /api/log/stream?after=abc", "", nil, 400, "?after"},
		{"GET /api/log/stream?actor=x", "", nil, 400, "?actor"},
		{"GET /api/stream", "", []string{"Last-Event-ID: abc"}, 400, "Last-Event-ID"},
		{"GET /api/stream?stream=task:x", "", nil, 400, "?stream"},
		{"GET /api/stats?at=5", "", nil, 400, "?at"},

		// Files.
		{"POST /api/files", "", nil, 400, "-"},
		{"POST /api/files?path=x", "x", nil, 400, "?path"},
		{"POST /api/files", strings.Repeat("x", 1<<20+1), []string{"Content-Type: text/csv"}, 413, "-"},
		{"POST /api/files", "x", []string{"Content-Type: multipart/mixed; boundary=b"}, 415, "-"},
		{"POST /api/files", "x", []string{"Content-Type: multipart/form-data"}, 415, "-"},
		{"POST /api/files", "x", []string{"Content-Type: multipart/form-data; boundary=b"}, 400, ""},
		{"POST /api/files", "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n--b--\r\n",
			[]string{"Content-Type: multipart/form-data; boundary=b"}, 400, "/note"},
		{"POST /api/files", "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhi",
			[]string{"Content-Type: multipart/form-data; boundary=b"}, 400, ""},
		{"GET /api/files/" + strings.Repeat("ab", 32), "", nil, 404, "-"},
		{"GET /api/files/..%2f..%2fetc%2fpasswd", "", nil, 404, "-"},

		// What is not there, what it cannot do, who may not ask.
		{"GET /nowhere", "", nil, 404, "-"},
		{"GET /api", "", nil, 404, "-"},
		{"GET /README.hidden", "", nil, 404, "-"},
		{"GET /../api.go", "", nil, 404, "-"},
		{"GET //api/tasks", "", nil, 404, "-"},
		{"GET /api/calendars", "", nil, 404, "-"},
		{"PUT /api/tasks/bulk", "{}", nil, 405, "-"},
		{"PUT /api/tasks/submit", "{}", nil, 405, "-"},
		{"GET /api/tasks/submit", "", nil, 405, "-"},
		{"PATCH /api/tasks/" + unknown + "/events", "{}", nil, 405, "-"},
		{"GET /api/health", "", []string{"Host: evil.example"}, 403, "-"},
		{"GET /api/health", "", []string{"Host: localhost.evil.example"}, 403, "-"},
		{submit, `{"task_type":"ECHO"}`, []string{"Origin: http://evil.example"}, 403, "-"},
		{submit, `{"task_type":"ECHO"}`, []string{"Sec-Fetch-Site: cross-site"}, 403, "-"},
	}
	return list
}

func TestBadRequestsAreRefusedWithAProblemThatPointsAtWhatIsWrong(t *testing.T) {
	h := open(t, nil)
	before := h.log.Head()
	for _, c := range refusals(h) {
		method, path, _ := strings.Cut(c.request, " ")
		name := fmt.Sprintf("%.80s %.120s %v", c.request, c.body, c.headers)
		a := h.do(method, path, c.body, c.headers...)
		var p problemJSON
		if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s is no problem: %.300s", name, a.status, a.header.Get("Content-Type"), a.body)
			continue
		}
		if a.status != c.status || p.Status != c.status || p.Title != http.StatusText(c.status) || p.Detail == "" ||
			!strings.HasPrefix(p.Type, "/docs#") || p.Instance == "" {
			t.Errorf("%s: want %d, got %d %.300s", name, c.status, a.status, a.body)
		}
		got := "-"
		if len(p.Errors) > 0 {
			got = p.Errors[0].Pointer
		}
		if got != c.pointer {
			t.Errorf("%s: points at %.100q, not %.100q: %.300s", name, got, c.pointer, a.body)
		}
		if c.status == 405 && !strings.Contains(a.header.Get("Allow"), "OPTIONS") {
			t.Errorf("%s: Allow is %q", name, a.header.Get("Allow"))
		}
	}
	if head := h.log.Head(); head.Seq > max(before.Seq, 1) {
		t.Error("a refused request wrote something: head", head.Seq)
	}
	if text := h.logged.String(); strings.Contains(text, "went wrong") || strings.Contains(text, "panic") {
		t.Error("logged:", text)
	}
}

func TestAllThatIsWrongIsToldAtOnce(t *testing.T) {
	h := open(t, nil)
	a := h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO","priority":500,"queue":"a b","parameters":{"n":"x"},"max_attempts":-1,"x":1,"tags":["\t"]}`)
	for _, pointer := range []string{"/priority", "/queue", "/parameters/n", "/max_attempts", "/x", "/tags/0"} {
		if strings.Count(a.body, `"pointer":"`+pointer+`"`) != 1 {
			t.Errorf("%s is not told once in %s", pointer, a.body)
		}
	}
}

// TestAPanicBecomesAProblemAndItsStackIsLogged plants a panic behind the API.
func TestAPanicBecomesAProblemAndItsStackIsLogged(t *testing.T) {
	h := open(t, nil, func(o *Options) { o.Intake = &intake.Intake{Options: intake.Options{Types: panicking{o.Intake.Types}}} })
	a := h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`)
	if a.status != 500 || strings.Contains(a.body, "planted") || strings.Contains(a.body, ".go") {
		t.Error(a.status, a.body)
	}
	if text := h.logged.String(); !strings.Contains(text, "planted") || !strings.Contains(text, "refusals_test.go") {
		t.Error("logged:", text)
	}
}

type panicking struct{ intake.Types }

func (panicking) Knows(string) bool { panic("planted") }

func TestARequestWithTwoLengthsIsTheLastOfItsConnection(t *testing.T) {
	h := open(t, nil)
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const hidden = "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
	fmt.Fprintf(conn, "POST /api/tasks/submit HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{\"task_type\":\"ECHO\"}\r\n0\r\n\r\n%s", hidden)
	text, err := io.ReadAll(conn)
	if n := strings.Count(string(text), "HTTP/1.1 "); err != nil || n != 1 {
		t.Errorf("%d answers, %v: %s", n, err, text)
	}
	if !strings.Contains(string(text), "Connection: close\r\n") {
		t.Errorf("%s", text)
	}
}

func TestTheHintForAPlusIsGivenWhereAPlusWasLost(t *testing.T) {
	h := open(t, nil)
	for value, hinted := range map[string]bool{"2026-01-31T08:00:00+01:00": true, "yesterday": false, "2026-01-31T08:00:00%2B99:00": false} {
		if got := h.do("GET", "/api/tasks/?created_after="+value, ""); got.status != 400 || strings.Contains(got.body, "write + as %2B") != hinted {
			t.Errorf("%s: %d %s", value, got.status, got.body)
		}
	}
}
