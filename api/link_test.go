package api

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// behindSmallBuffers reads answers as nginx does by default: 4 KiB of headers, no more.
func behindSmallBuffers(h *house) {
	h.client = &http.Client{Transport: &http.Transport{MaxResponseHeaderBytes: 4 << 10}}
	h.Cleanup(h.client.CloseIdleConnections)
}

// follow counts the items of all pages, as a client does that follows Link to its end.
func (h *house) follow(path string, headers ...string) (items int) {
	h.Helper()
	for path != "" {
		a := h.want("GET", path, "", headers...)
		items += len(a.list(h))
		link, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
		path = strings.TrimPrefix(link, h.url)
	}
	return items
}

func TestAClientThatFollowsLinkBehindSmallBuffersMissesNothing(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"here":              func(*Options) {},
		"a front elsewhere": func(o *Options) { o.CORSOrigins = []string{"https://app.example"} },
		"below a path":      func(o *Options) { o.BasePath = "/" + strings.Repeat("path", 50) },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, nil, change)
			for range 3 {
				h.submit(`{"task_type":"ECHO","queue":"x","tags":["a"],"delay_seconds":3600}`)
			}
			behindSmallBuffers(h)
			taken, refused := 0, 0
			for _, filler := range []string{"b", "ж ", "%\""} { // one, four and three bytes each, in the Link
				for n := 1; n <= 99; n += 7 {
					values := url.Values{"tag": {"a"}, "limit": {"1"}}
					for i := range n {
						values.Add("tag", strings.Repeat(filler, 20)+itoa(int64(i)))
					}
					path := "/api/tasks/?" + values.Encode()
					a := h.do("GET", path, "", "Origin: https://app.example")
					if a.status == 400 {
						refused++
						pointer := a.object(t)["errors"].([]any)[0].(map[string]any)
						if pointer["pointer"] != "?tag" || !strings.Contains(pointer["detail"].(string), "limit=0") || a.header.Get("Link") != "" {
							t.Error(a)
						}
						values.Set("limit", "0") // as the error says
						if items := h.follow("/api/tasks/?"+values.Encode(), "Origin: https://app.example"); items != 3 {
							t.Errorf("%d of 3 tasks with limit=0", items)
						}
						continue
					}
					taken++
					if items := h.follow(path, "Origin: https://app.example"); items != 3 {
						t.Errorf("%d of 3 tasks; the query has %d bytes", items, len(path))
					}
				}
			}
			if taken < 5 || refused < 5 {
				t.Error("of the queries", taken, "are taken and", refused, "refused")
			}
		})
	}
}

func TestALinkOfTheLogIsNeverTooLong(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	behindSmallBuffers(h)
	long := url.Values{"limit": {"1"}, "stream": {"task:" + id}}
	for i := range 12 {
		long.Add("stream", "task:"+strings.Repeat("é", 100)+itoa(int64(i)))
	}
	if a := h.do("GET", "/api/log?"+long.Encode(), ""); a.status != 400 || !strings.Contains(a.body, `"?stream"`) || !strings.Contains(a.body, "x-ndjson") {
		t.Error(a)
	}
	long.Del("limit")
	if a := h.want("GET", "/api/log?"+long.Encode(), "", "Accept: application/x-ndjson"); strings.Count(a.body, "\n") != 1 {
		t.Error(a.body)
	}
	if a := h.do("GET", "/api/tasks/"+id+"/events?limit="+strings.Repeat("0", 4000)+"1", ""); a.status != 400 || !strings.Contains(a.body, `"?limit"`) {
		t.Error(a)
	}
}

func TestTheSlashThatTheBasePathLacksIsAddedWhateverTheQuery(t *testing.T) {
	h := open(t, nil, func(o *Options) { o.BasePath = "/daybook" })
	behindSmallBuffers(h)
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if a := h.do("GET", "/daybook?a="+strings.Repeat("x", 8000), ""); a.status != 308 || a.header.Get("Location") != "/daybook/" {
		t.Error(a)
	}
}
