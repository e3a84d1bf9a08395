package daybook_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"daybook"
	"daybook/internal/foreignnats"

	"github.com/nats-io/nats-server/v2/server"
)

// twoNodes runs two nodes on a NATS of others, and returns the one that leads first.
func twoNodes(t *testing.T) (leader, follower *daybook.Daybook) {
	t.Helper()
	nats := foreignnats.Start(t, server.Options{JetStream: true})
	a, _ := onNATS(t, nats.ClientURL(), "a")
	b, _ := onNATS(t, nats.ClientURL(), "b")
	for {
		changed := a.Views().Changed()
		switch a.Views().Lead().Node {
		case "a":
			return a, b
		case "b":
			return b, a
		}
		<-changed
	}
}

// What only the memory of the leader knows is answered by the other nodes too: why tasks wait, and which types workers run.
func TestAFollowerAnswersWhatTheLeaderRemembers(t *testing.T) {
	leader, follower := twoNodes(t)
	post := func(path, body string) (answer map[string]any) {
		t.Helper()
		code, text := call(follower, http.MethodPost, path, body)
		if err := json.Unmarshal([]byte(text), &answer); code != http.StatusOK || err != nil {
			t.Fatalf("%s: %d %s", path, code, text)
		}
		return answer
	}
	const lease = `{"worker":"w","task_types":["ext"],"queues":["q"],"max":1}`
	post("/api/leases", lease)
	ids := map[string]string{}
	for _, of := range []string{"held", "behind"} {
		ids[of] = fmt.Sprint(post("/api/tasks/submit", `{"task_type":"ext","queue":"q"}`)["id"])
	}
	ids["in another queue"] = fmt.Sprint(post("/api/tasks/submit", `{"task_type":"ext"}`)["id"])
	for range 17 { // each node has 8 slots
		ids["of a full node"] = fmt.Sprint(post("/api/tasks/submit", `{"task_type":"SLEEP","parameters":{"seconds":3600}}`)["id"])
	}
	post("/api/leases", lease)
	for of, want := range map[string]string{
		"held":             `"waiting_for":null`,
		"behind":           `"waiting_for":{"reason":"capacity","running":1`,
		"in another queue": `"waiting_for":{"reason":"worker"`,
		"of a full node":   `"waiting_for":{"reason":"capacity","running":16`,
	} {
		for name, d := range map[string]*daybook.Daybook{"leader": leader, "follower": follower} {
			for n := 0; ; n++ { // until the leader has told, which it does twice a second
				_, text := call(d, http.MethodGet, "/api/tasks/"+ids[of], "")
				if strings.Contains(text, want) {
					break
				}
				if n == 100_000 {
					t.Fatalf("%s, at the %s: %s, want %s", of, name, text, want)
				}
			}
		}
	}
	if _, text := call(follower, http.MethodGet, "/api/task-types", ""); !strings.Contains(text, `"name":"ext"`) {
		t.Errorf("the follower knows no type ext: %s", text)
	}
}

// counted counts what is read of a body.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// A node takes a large body only of somebody who may send it.
func TestAStrangerDoesNotFillANode(t *testing.T) {
	_, follower := twoNodes(t)
	code, text := call(follower, http.MethodPost, "/api/tokens", `{"name":"root","role":"admin"}`)
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(text), &made); code != http.StatusCreated && code != http.StatusOK || err != nil || made.Token == "" {
		t.Fatal(code, text)
	}
	large := `{"task_type":"SLEEP","parameters":{"seconds":0,"result":"` + strings.Repeat("x", 100_000) + `"}}`
	for _, c := range []struct {
		name, token, body string
		length            int64
		code              int
		few               bool // bytes are read
	}{
		{"a stranger", "", large, int64(len(large)), http.StatusUnauthorized, true},
		{"a stranger who does not say how much", "", large, -1, http.StatusUnauthorized, true},
		{"a stranger with little", "", `{}`, 2, http.StatusUnauthorized, false},
		{"a wrong token", "dbk_x", large, int64(len(large)), http.StatusUnauthorized, true},
		{"one who may", made.Token, large, int64(len(large)), http.StatusOK, false},
		{"one who may, but not so much", made.Token, strings.Repeat("x", 25<<20), 25 << 20, http.StatusRequestEntityTooLarge, true},
		{"one who may, but sends too much", made.Token, strings.Repeat("x", 25<<20), -1, http.StatusRequestEntityTooLarge, false},
	} {
		body := &counted{Reader: strings.NewReader(c.body)}
		r := httptest.NewRequest(http.MethodPost, "http://localhost/api/tasks/submit", body)
		r.ContentLength = c.length
		r.Header.Set("Content-Type", "application/json")
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		follower.Handler().ServeHTTP(w, r)
		if w.Code != c.code || c.few && body.n > 0 {
			t.Errorf("%s: %d after %d bytes: %s", c.name, w.Code, body.n, w.Body)
		}
	}
}
