package api

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"daybook/projection"
)

// token makes a token with the rights of an admin's, "" = nobody's.
func (h *house) token(by, body string) string {
	h.Helper()
	var headers []string
	if by != "" {
		headers = append(headers, bearer(by))
	}
	return h.want("POST", "/api/tokens", body, headers...).object(h)["token"].(string)
}

func bearer(token string) string { return "Authorization: Bearer " + token }

// guarded is a house with one token for each role.
func guarded(h *house) map[projection.Role]string {
	h.Helper()
	tokens := map[projection.Role]string{projection.Admin: h.token("", `{"name":"root","role":"admin"}`)}
	for _, role := range projection.Roles()[:4] {
		tokens[role] = h.token(tokens[projection.Admin], fmt.Sprintf(`{"name":"a-%s","role":%q}`, role, role))
	}
	return tokens
}

func TestEveryRouteSaysWhoMayCallIt(t *testing.T) {
	h := open(t, nil)
	routes := h.api.table()
	for path, of := range routes {
		for method := range of {
			if _, said := permissions[path][method]; !said {
				t.Errorf("%s %s is not in the table of permissions (roles.go): say who may call it", method, path)
			}
		}
	}
	for path, of := range permissions {
		for method, p := range of {
			if routes[path][method].role != p.role {
				t.Errorf("%s %s is in the table of permissions and is no route", method, path)
			}
			if p.role != "" && !p.role.Includes(projection.Viewer) {
				t.Errorf("%s %s needs %q, which is no role", method, path, p.role)
			}
		}
	}
}

// table is what each route needs.
func (a *API) table() map[string]map[string]permission {
	all := make(map[string]map[string]permission)
	for path, at := range a.byPath {
		all[path] = at.needs
	}
	return all
}

// concrete replaces the variables of a path.
var variable = regexp.MustCompile(`\{[^}]*\}`)

func TestEachRoleMayCallWhatItsRoutesNeedAndNothingElse(t *testing.T) {
	h := open(t, nil)
	tokens := guarded(h)
	for path, of := range h.api.table() {
		if strings.HasSuffix(path, "/stream") || path == "/api/log/verify" {
			continue // see TestStreamsNeedATokenAndEndWithIt
		}
		for method, need := range of {
			at := variable.ReplaceAllString(path, "nothing")
			if a := h.do(method, at, ""); (a.status == 401) != (need.role != "") {
				t.Errorf("%s %s without a token: %d %s", method, at, a.status, a.body)
			}
			for role, token := range tokens {
				a := h.do(method, at, "", bearer(token))
				refused := a.status == 403 && strings.Contains(a.body, "#forbidden")
				if allowed := need.role == "" || role.Includes(need.role); refused == allowed || a.status == 401 {
					t.Errorf("%s %s as %s: %d %s", method, at, role, a.status, a.body)
				}
				if refused && !strings.Contains(a.body, "role "+string(need.role)) {
					t.Errorf("%s %s as %s does not say that %s is needed: %s", method, at, role, need.role, a.body)
				}
			}
		}
	}
	if a := h.do("PATCH", "/api/tokens", ""); a.status != 405 {
		t.Errorf("another method: %d", a.status)
	}
	if a := h.do("HEAD", "/api/tasks", ""); a.status != 401 {
		t.Errorf("HEAD: %d", a.status)
	}
}

func TestTokensAreShownOnceAndTheirHoldersAreTheActors(t *testing.T) {
	h := open(t, nil)
	if me := h.want("GET", "/api/me", "").object(t); me["actor"] != "anonymous" || me["role"] != "admin" || me["name"] != nil {
		t.Errorf("%v", me)
	}
	if a := h.do("POST", "/api/tokens", `{"name":"ci","role":"submitter"}`); a.status != 409 || !strings.Contains(a.body, "#first-token") {
		t.Errorf("the first token: %d %s", a.status, a.body)
	}
	root := h.token("", `{"name":"root","role":"admin"}`)
	operator := h.token(root, `{"name":"op","role":"operator"}`)
	if !wellFormedToken(root) || !wellFormedToken(operator) || root == operator {
		t.Errorf("%s %s", root, operator)
	}
	if a := h.do("POST", "/api/tokens", `{"name":"op","role":"viewer"}`, bearer(root)); a.status != 409 {
		t.Errorf("the same name again: %d %s", a.status, a.body)
	}
	id := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","delay_seconds":3600}`, bearer(operator)).object(t)["id"].(string)
	h.want("DELETE", "/api/tasks/"+id, "", bearer(operator))
	for _, e := range h.want("GET", "/api/tasks/"+id+"/events", "", bearer(root)).list(t) {
		if e["actor"] != "token:op" {
			t.Errorf("%v by %v", e["type"], e["actor"])
		}
	}
	if me := h.want("GET", "/api/me", "", bearer(operator)).object(t); me["actor"] != "token:op" || me["role"] != "operator" || me["name"] != "op" {
		t.Errorf("%v", me)
	}
	list := h.want("GET", "/api/tokens", "", bearer(root))
	if all := list.list(t); len(all) != 2 || all[0]["name"] != "op" || all[0]["last_used_at"] == nil || all[0]["created_by"] != "token:root" {
		t.Errorf("%s", list.body)
	}
	h.want("DELETE", "/api/tokens/op", "", bearer(root))
	if a := h.do("GET", "/api/me", "", bearer(operator)); a.status != 401 || !strings.Contains(a.header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("revoked: %d %s %v", a.status, a.body, a.header)
	}
	if a := h.do("DELETE", "/api/tokens/op", "", bearer(root)); a.status != 404 {
		t.Errorf("revoked again: %d", a.status)
	}
	log := h.want("GET", "/api/log?payload=1&limit=1000", "", bearer(root)).body
	for _, secret := range []string{root, operator} {
		for where, text := range map[string]string{"log": log, "list": list.body, "server output": h.logged.String()} {
			if strings.Contains(text, secret[len(tokenPrefix):]) {
				t.Errorf("the %s has a token", where)
			}
		}
	}
	h.want("DELETE", "/api/tokens/root", "", bearer(root)) // the last one: nobody needs one
	h.want("GET", "/api/tasks", "")
}

func TestWrongTokensAreTold(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	other := "7"
	if root[10:11] == other {
		other = "a"
	}
	for name, c := range map[string]struct{ header, says string }{
		"another":   {bearer(NewToken()), "revoked"},
		"cut":       {bearer(root[:len(root)-1]), "typing error"},
		"changed":   {bearer(root[:10] + other + root[11:]), "typing error"},
		"basic":     {"Authorization: Basic cm9vdDpyb290", "not a whole token"},
		"upper":     {bearer(strings.ToUpper(root)), "typing error"},
		"in a list": {"Authorization: Bearer " + root + ", Bearer x", "typing error"},
	} {
		if a := h.do("GET", "/api/me", "", c.header); a.status != 401 || !strings.Contains(a.body, c.says) || !strings.Contains(a.body, "daybook token create") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := h.do("GET", "/api/me?token="+root, ""); a.status != 401 {
		t.Errorf("in the URL: %d", a.status)
	}
	h.want("GET", "/api/me", "", "Authorization: bearer "+root)
	for _, body := range []string{`{}`, `{"name":"a"}`, `{"name":"a b","role":"viewer"}`, `{"name":"a","role":"root"}`, `{"name":"a","role":"viewer","queues":[]}`,
		`{"name":"a","role":"viewer","expires_at":"2020-01-01T00:00:00Z"}`, `{"name":"a","role":"viewer","more":1}`, `{"name":"a","role":"admin","queues":["q"]}`} {
		if a := h.do("POST", "/api/tokens", body, bearer(root)); a.status != 400 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}

func TestTheLastAdminIsKept(t *testing.T) {
	h := open(t, nil)
	tokens := guarded(h)
	root := tokens[projection.Admin]
	brief := h.token(root, `{"name":"brief","role":"admin","expires_at":"`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`)
	if a := h.do("DELETE", "/api/tokens/root", "", bearer(brief)); a.status != 409 || !strings.Contains(a.body, "#last-admin") {
		t.Errorf("%d %s", a.status, a.body)
	}
	h.token(root, `{"name":"other","role":"admin"}`)
	h.want("DELETE", "/api/tokens/root", "", bearer(brief))
}

func TestATokenExpiresAndItsStreamWithIt(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		root := h.token("", `{"name":"root","role":"admin"}`)
		brief := h.token(root, `{"name":"brief","role":"viewer","expires_at":"`+time.Now().Add(time.Minute).UTC().Format(time.RFC3339)+`"}`)
		l := h.listen("/api/stream", bearer(brief))
		l.next()
		time.Sleep(30 * time.Second)
		h.want("GET", "/api/me", "", bearer(brief))
		time.Sleep(31 * time.Second)
		if a := h.do("GET", "/api/me", "", bearer(brief)); a.status != 401 || !strings.Contains(a.body, "expired") {
			h.Errorf("%d %s", a.status, a.body)
		}
		for _, ok := l.next(); ok; _, ok = l.next() { // what was sent before
		}
		l.close()
	})
}

func TestStreamsNeedATokenAndEndWithIt(t *testing.T) {
	h := open(t, nil)
	tokens := guarded(h)
	for _, path := range []string{"/api/stream", "/api/log/stream", "/api/log/stream?type=task.submitted"} {
		if a := h.do("GET", path, ""); a.status != 401 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	root := tokens[projection.Admin]
	guest := h.token(root, `{"name":"guest","role":"viewer"}`)
	mine, theirs := h.listen("/api/log/stream?after=0", bearer(root)), h.listen("/api/log/stream?after=0", bearer(guest))
	h.want("DELETE", "/api/tokens/guest", "", bearer(root))
	for _, ok := theirs.next(); ok; _, ok = theirs.next() { // it ends
	}
	h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, bearer(root))
	for {
		m, ok := mine.next()
		if !ok {
			t.Fatal("the stream of another token has ended")
		}
		if strings.Contains(m.data, "task.submitted") {
			break
		}
	}
	mine.close()
	theirs.close()
}

func TestAWaitingWorkerGetsNothingAfterItsTokenIsRevoked(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		root := h.token("", `{"name":"root","role":"admin"}`)
		crane := h.token(root, `{"name":"crane","role":"worker"}`)
		done := make(chan answer)
		go func() {
			done <- h.do("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"wait_seconds":60}`, bearer(crane))
		}()
		time.Sleep(time.Second)
		h.want("DELETE", "/api/tokens/crane", "", bearer(root))
		if a := <-done; a.status != 401 {
			h.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestALimitedTokenSeesAndChangesOnlyItsTasks(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	mine := h.token(root, `{"name":"mine","role":"operator","queues":["q"],"task_types":["ECHO","REMOTE"]}`)
	other := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","delay_seconds":3600}`, bearer(root)).object(t)["id"].(string)
	id := h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"q","delay_seconds":3600}`, bearer(mine)).object(t)["id"].(string)
	for _, body := range []string{`{"task_type":"ECHO"}`, `{"task_type":"HOLD","queue":"q"}`} {
		if a := h.do("POST", "/api/tasks/submit", body, bearer(mine)); a.status != 403 {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
		if a := h.do("POST", "/api/tasks/batch", `[{"task_type":"ECHO","queue":"q"},`+body+`]`, bearer(mine)); a.status != 403 {
			t.Errorf("batch with %s: %d %s", body, a.status, a.body)
		}
	}
	for _, list := range []string{"", "["} { // what it may not see does not exist for it
		path, body, end := "/api/tasks/submit", `{"task_type":"ECHO","queue":"q","depends_on":["`+other+`"]}`, ""
		if list != "" {
			path, end = "/api/tasks/batch", "]"
		}
		if a := h.do("POST", path, list+body+end, bearer(mine)); a.status != 400 || !strings.Contains(a.body, "/depends_on/0") {
			t.Errorf("depending on another's task: %d %s", a.status, a.body)
		}
	}
	if list := h.want("GET", "/api/tasks", "", bearer(mine)).list(t); len(list) != 1 || list[0]["id"] != id {
		t.Errorf("%v", list)
	}
	for _, query := range []string{"queue=default", "task_type=HOLD", "queue=q&queue=default"} {
		if a := h.do("GET", "/api/tasks?"+query, "", bearer(mine)); a.status != 403 {
			t.Errorf("%s: %d", query, a.status)
		}
	}
	for _, call := range []string{"GET ", "DELETE ", "POST /retry", "GET /events"} {
		method, rest, _ := strings.Cut(call, " ")
		if a := h.do(method, "/api/tasks/"+other+rest, "", bearer(mine)); a.status != 404 {
			t.Errorf("%s of another task: %d %s", call, a.status, a.body)
		}
	}
	for path, status := range map[string]int{"?stream=task:" + id: 200, "?stream=task:" + other: 404, "?stream=task:" + id + "&stream=token:root": 403} {
		if a := h.do("GET", "/api/log"+path, "", bearer(mine)); a.status != status {
			t.Errorf("log%s: %d %s", path, a.status, a.body)
		}
		if a := h.do("HEAD", "/api/log/stream"+path, "", bearer(mine)); a.status != status {
			t.Errorf("stream%s: %d", path, a.status)
		}
	}
	h.want("DELETE", "/api/tasks/"+id, "", bearer(mine))
	for _, path := range []string{"/api/log/stream", "/api/log", "/api/stats", "/api/workers", "/metrics", "/api/stream"} {
		if a := h.do("GET", path, "", bearer(mine)); a.status != 403 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for body, status := range map[string]int{`{"worker":"w","task_types":["REMOTE"]}`: 200, `{"worker":"w","task_types":["OTHER"]}`: 403, `{"worker":"w","task_types":["REMOTE"],"queues":["default"]}`: 403} {
		if a := h.do("POST", "/api/leases", body, bearer(mine)); a.status != status {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	h.want("POST", "/api/tasks/submit", `{"task_type":"REMOTE","queue":"p"}`, bearer(root))
	mineToo := h.want("POST", "/api/tasks/submit", `{"task_type":"REMOTE","queue":"q"}`, bearer(root)).object(t)["id"]
	got := h.want("POST", "/api/leases", `{"worker":"w","task_types":["REMOTE"],"max":10,"wait_seconds":5}`, bearer(mine)).object(t)["leases"].([]any)
	if len(got) != 1 || got[0].(map[string]any)["task"].(map[string]any)["id"] != mineToo {
		t.Errorf("%v", got)
	}
}

func TestFailedSignInsAreLimitedByAddress(t *testing.T) {
	bubble(t, func(h *house, _ func() net.Conn) {
		root := h.token("", `{"name":"root","role":"admin"}`)
		wrong := bearer(NewToken())
		for range signInBurst {
			if a := h.do("GET", "/api/me", "", wrong); a.status != 401 {
				h.Fatalf("%d", a.status)
			}
		}
		a := h.do("GET", "/api/me", "", wrong)
		if a.status != 429 || a.header.Get("Retry-After") != "6" {
			h.Errorf("%d %v", a.status, a.header)
		}
		if a := h.do("POST", "/sign-in", "token="+NewToken(), "Content-Type: application/x-www-form-urlencoded"); a.status != 429 {
			h.Errorf("the page: %d", a.status)
		}
		h.want("GET", "/api/me", "", bearer(root)) // whoever has the right one is not kept out
		time.Sleep(signInEvery)
		if a := h.do("GET", "/api/me", "", wrong); a.status != 401 {
			h.Errorf("later: %d", a.status)
		}
	})
}

func TestTheMemoryOfFailedSignInsIsBounded(t *testing.T) {
	var f failures
	r := &http.Request{}
	for i := range 3 * mostAddresses {
		r.RemoteAddr = fmt.Sprintf("[2001:db8:%x:%x::%x]:1", i>>16, i&0xffff, i)
		f.note(addressOf(r))
	}
	if len(f.by) > mostAddresses {
		t.Error(len(f.by))
	}
	r.RemoteAddr = "[2001:db8:1:2:3::4]:1"
	same := addressOf(r)
	r.RemoteAddr = "[2001:db8:1:2:ffff::5%eth0]:1"
	if addressOf(r) != same {
		t.Error("addresses of one network count apart")
	}
}

func TestThePageSignsInWithACookieThatNoScriptReads(t *testing.T) {
	h := open(t, nil)
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	root := h.token("", `{"name":"root","role":"admin"}`)
	const form = "Content-Type: application/x-www-form-urlencoded"
	page := h.want("GET", "/sign-in", "")
	if strings.Contains(page.body, "<!--") || !strings.Contains(page.header.Get("Content-Security-Policy"), "form-action 'self'") {
		t.Errorf("%s %v", page.body, page.header)
	}
	bad := h.do("POST", "/sign-in", "token=dbk_x%22%3Cscript%3E", form)
	if bad.status != 401 || !strings.Contains(bad.body, `role="alert"`) || bad.header.Get("Set-Cookie") != "" || strings.Contains(bad.body, "<script>") {
		t.Errorf("%d %s", bad.status, bad.body)
	}
	if a := h.do("POST", "/sign-in", "token="+root, form, "Sec-Fetch-Site: cross-site"); a.status != 403 {
		t.Errorf("from another site: %d", a.status)
	}
	good := h.do("POST", "/sign-in", "username=daybook&token=+"+root+"+", form)
	cookie := good.header.Get("Set-Cookie")
	if good.status != 303 || good.header.Get("Location") != "/" || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") ||
		!strings.Contains(cookie, "Path=/") || strings.Contains(cookie, "Secure") {
		t.Errorf("%d %v", good.status, good.header)
	}
	pair, _, _ := strings.Cut(cookie, ";")
	if me := h.want("GET", "/api/me", "", "Cookie: "+pair).object(t); me["name"] != "root" {
		t.Errorf("%v", me)
	}
	if a := h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO"}`, "Cookie: "+pair, "Origin: https://evil.example"); a.status != 403 {
		t.Errorf("a form of another site: %d", a.status)
	}
	if a := h.do("POST", "/sign-in", "token="+root, form, "X-Forwarded-Proto: https"); !strings.Contains(a.header.Get("Set-Cookie"), "; Secure") {
		t.Errorf("behind TLS: %v", a.header)
	}
	limited := h.token(root, `{"name":"limited","role":"viewer","queues":["q"]}`)
	if a := h.do("POST", "/sign-in", "token="+limited, form); a.status != 403 || a.header.Get("Set-Cookie") != "" {
		t.Errorf("limited: %d %s", a.status, a.body)
	}
	out := h.do("POST", "/sign-out", "", "Cookie: "+pair)
	if out.status != 303 || out.header.Get("Location") != "/sign-in" || !strings.Contains(out.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("%d %v", out.status, out.header)
	}
}

func TestWithoutATokenOnlyThisMachineIsAnswered(t *testing.T) {
	h := build(t, nil, func(o *Options) { o.LocalOnly = true })
	for from, want := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "[::ffff:127.0.0.1]:5": true, "@": true, "192.0.2.1:5": false, "[2001:db8::1]:5": false} {
		w := &flat{header: http.Header{}}
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/api/tasks", nil)
		r.RemoteAddr, r.RequestURI = from, "/api/tasks"
		h.api.ServeHTTP(w, r)
		if (w.status == 200) != want || !want && w.status != 403 {
			t.Errorf("%s: %d", from, w.status)
		}
	}
}

// flat is a ResponseWriter that keeps the status.
type flat struct {
	header http.Header
	status int
}

func (f *flat) Header() http.Header         { return f.header }
func (f *flat) Write(b []byte) (int, error) { return len(b), nil }
func (f *flat) WriteHeader(status int)      { f.status = status }
