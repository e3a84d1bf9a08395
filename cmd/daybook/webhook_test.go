package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"daybook/internal/freeaddr"
)

// receiver takes the events of a webhook and checks their signatures by itself.
type receiver struct {
	mu      sync.Mutex
	secret  string
	refuse  bool                // answer 503
	ids     map[string][]string // webhook-id of each arrival, by the subject of the event
	wrong   []string
	refused int
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse {
		r.refused++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	id := request.Header.Get("webhook-id")
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, request.Header.Get("webhook-timestamp"), body)
	if request.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		r.wrong = append(r.wrong, id)
	}
	var event struct{ Subject string }
	if json.Unmarshal(body, &event) != nil {
		r.wrong = append(r.wrong, string(body))
	}
	r.ids[event.Subject] = append(r.ids[event.Subject], id)
}

// arrived is for how many of the tasks an event has arrived.
func (r *receiver) arrived(tasks []string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range tasks {
		if len(r.ids["task:"+id]) > 0 {
			n++
		}
	}
	return n
}

// A server is killed twice while tasks end and its receiver is away at first. Each end arrives, signed; one that
// arrives twice has the same id of the message.
func TestAKilledServerDeliversEachEvent(t *testing.T) {
	r := &receiver{ids: map[string][]string{}, refuse: true}
	target := httptest.NewServer(r)
	defer target.Close()
	dir, addr := t.TempDir(), freeaddr.Find(t)
	config := fmt.Sprintf("[webhook]\nallow = [%q]\n", strings.TrimPrefix(target.URL, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "daybook.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var p *process
	start := func() {
		t.Helper()
		var err error
		if p, err = startServer(dir, os.Environ(), "--addr", addr, "--data", "data", "--config", "daybook.toml", "--quiet"); err != nil {
			t.Fatal(err)
		}
		if err := p.ready(patience); err != nil {
			t.Fatal(err)
		}
	}
	start()
	defer func() { _, _ = p.stop(syscall.SIGKILL, patience) }()
	var made struct{ Secret string }
	if err := json.Unmarshal([]byte(sendJSON(t, "POST", p.url+"/api/webhooks", `{"name":"ends","url":"`+target.URL+`/hook","events":["task.succeeded"]}`)), &made); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.secret = made.Secret
	r.mu.Unlock()
	var tasks []string
	for kill := range 2 { // a task that dies three times is FAILED
		for range 30 {
			var submitted struct{ ID string }
			if err := json.Unmarshal([]byte(sendJSON(t, "POST", p.url+"/api/tasks/submit", `{"task_type":"SLEEP","parameters":{"seconds":0.02}}`)), &submitted); err != nil {
				t.Fatal(err)
			}
			tasks = append(tasks, submitted.ID)
		}
		if kill == 1 {
			r.mu.Lock()
			r.refuse = false
			r.mu.Unlock()
		}
		if _, err := p.stop(syscall.SIGKILL, patience); err != nil {
			t.Fatal(err)
		}
		start()
	}
	for deadline := time.Now().Add(patience); r.arrived(tasks) < len(tasks); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d events have arrived; %s", r.arrived(tasks), len(tasks), sendJSON(t, "GET", p.url+"/api/tasks/?fields=summary&limit=1000&status=PENDING&status=RUNNING&status=FAILED", ""))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) > 0 {
		t.Errorf("signatures or bodies are wrong: %v", r.wrong)
	}
	for subject, ids := range r.ids {
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("%s has arrived as several messages: %v", subject, ids)
			}
		}
	}
	if len(r.ids) != len(tasks) {
		t.Errorf("%d events of %d tasks", len(r.ids), len(tasks))
	}
}
