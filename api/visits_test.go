package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// uses are the token.used of a token, with the types of the events before them.
func (h *house) uses(by, name string) (list []map[string]any, after []string) {
	h.Helper()
	all := h.want("GET", "/api/log?limit=1000&payload=1", "", "Authorization: Bearer "+by).list(h)
	for i, e := range all {
		if e["type"] == "token.used" && e["stream"] == "token:"+name {
			list, after = append(list, e), append(after, all[i-1]["type"].(string))
			if e["at"] != all[i-1]["at"] || e["actor"] != all[i-1]["actor"] {
				h.Errorf("%v is not of the commit of %v", e, all[i-1])
			}
		}
	}
	return list, after
}

func TestWritesOfAPersonAreFollowedByTheirAddressAndBrowser(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	other := h.token(root, `{"name":"other","role":"admin"}`)
	viewer := h.token(root, `{"name":"eve","role":"viewer"}`)
	cookie := "Cookie: " + h.api.cookieName() + "=" + other
	agent := "User-Agent: Browser/1 \u202e" + strings.Repeat("x", 1000)
	person := func(method, path, body string) answer {
		return h.want(method, path, body, cookie, agent, "X-Forwarded-For: 198.51.100.7")
	}
	id := person("POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"q","delay_seconds":3600}`).object(t)["id"].(string)
	person("PATCH", "/api/tasks/"+id, `{"priority":5}`)
	person("DELETE", "/api/tasks/"+id, "")
	person("POST", "/api/tasks/"+id+"/retry", "")
	person("POST", "/api/tasks/batch", `[{"task_type":"ECHO","queue":"q","delay_seconds":3600},{"task_type":"ECHO","queue":"q","delay_seconds":3600}]`)
	person("POST", "/api/queues/q/pause", `{}`)
	person("POST", "/api/queues/q/pause", `{}`) // changes nothing
	person("POST", "/api/schedules", `{"name":"s","cron":"@daily","task":{"task_type":"ECHO","queue":"q"}}`)
	person("POST", "/api/schedules/s/run", ``)
	person("POST", "/api/schedules/preview", `{"cron":"@daily"}`)
	person("GET", "/api/tasks/", "")
	person("DELETE", "/api/tokens/other", "") // its last write is the one that ends it
	h.want("POST", "/api/tasks/submit", `{"task_type":"ECHO","queue":"q"}`, "Authorization: Bearer "+root)

	uses, after := h.uses(root, "other")
	want := "task.submitted task.reprioritised task.cancelled task.retried task.submitted queue.paused schedule.created task.submitted token.revoked"
	if got := strings.Join(after, " "); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	for i, e := range uses {
		var payload struct {
			Address   string `json:"address"`
			Forwarded string `json:"forwarded_for"`
			Browser   string `json:"user_agent"`
		}
		text, _ := json.Marshal(e["payload"])
		if err := json.Unmarshal(text, &payload); err != nil || payload.Forwarded != "198.51.100.7" || payload.Address == "" ||
			!strings.HasPrefix(payload.Browser, "Browser/1 xxx") || len(payload.Browser) > 420 || e["actor"] != "token:other" || fmt.Sprint(e["data"]) != "map[]" {
			t.Errorf("use %d: %v", i, e)
		}
	}
	if none, _ := h.uses(root, "root"); none != nil {
		t.Errorf("a program has left %v", none)
	}
	shown := h.want("GET", "/api/log?limit=1000&payload=1", "", "Authorization: Bearer "+viewer).body
	if strings.Contains(shown, "198.51.100.7") || strings.Contains(shown, "Browser/1") || !strings.Contains(shown, "token.used") {
		t.Error("a viewer sees who came from where")
	}
}

// Writes of people at the same time each keep the order of the stream of their token.
func TestWritesOfManyPeopleAtOnceAreAllFollowed(t *testing.T) {
	h := open(t, nil)
	root := h.token("", `{"name":"root","role":"admin"}`)
	cookie := "Cookie: " + h.api.cookieName() + "=" + root
	const each, people = 10, 8
	var all sync.WaitGroup
	for range people {
		all.Go(func() {
			for range each {
				if a := h.do("POST", "/api/tasks/submit", `{"task_type":"ECHO","delay_seconds":3600}`, cookie); a.status != 200 {
					t.Error(a.body)
				}
			}
		})
	}
	all.Wait()
	uses, _ := h.uses(root, "root")
	if len(uses) != each*people {
		t.Errorf("%d uses", len(uses))
	}
	for i, e := range uses {
		if e["version"] != float64(i+2) {
			t.Errorf("use %d has the version %v", i, e["version"])
		}
	}
}
