package trace

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestATraceparentIsReadAsTheStandardSays(t *testing.T) {
	for text, want := range map[string]string{
		parent:                      parent,
		"01" + parent[2:]:           parent,
		"cc" + parent[2:] + "-more": parent,
		parent[:53] + "ff":          parent[:53] + "ff",
		"ff" + parent[2:]:           "",
		parent + "-more":            "",
		"cc" + parent[2:] + "more":  "",
		strings.ToUpper(parent):     "",
		parent[:54]:                 "",
		"":                          "",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01": "",
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01": "",
		"00-0af7651916cd43dd8448eb211c80319x-b7ad6b7169203331-01": "",
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01": "",
	} {
		got, ok := ParseParent(text)
		if got.String() != want || ok != (want != "") {
			t.Errorf("%q is %q, %v; want %q", text, got, ok, want)
		}
	}
	if p, _ := ParseParent(parent); !p.Sampled() {
		t.Error("it is sampled")
	}
	if p, _ := ParseParent(parent[:54] + "0"); p.Sampled() {
		t.Error("it is not sampled")
	}
}

func TestTheSpansOfATaskHangTogether(t *testing.T) {
	at := time.UnixMicro(1_795_521_600_000_001)
	id := ulid.MustParse("01KA0M5Z7Q8G4S2B6D9XEJ3V1T")
	for _, text := range []string{"", parent} {
		of := Task{ID: id, Type: "X", Queue: "q"}
		of.Parent, _ = ParseParent(text)
		send := of.Send(at)
		first := of.Process(&Attempt{Number: 1, Fence: 2, Started: at, Ended: at.Add(time.Second), Outcome: Failed, Error: strings.Repeat("é", 2000)})
		second := of.Process(&Attempt{Number: 2, Fence: 5, Worker: "w", Started: at, Ended: at, Outcome: Succeeded})
		for _, s := range []Span{first, second} {
			if s.TraceID != send.TraceID || s.ParentSpanID != send.SpanID || s.Links[0].SpanID != send.SpanID || s.Kind != kindConsumer || s.Name != "process q" {
				t.Errorf("%+v does not belong to %+v", s, send)
			}
		}
		if first.SpanID == second.SpanID || first.SpanID == send.SpanID || len(send.SpanID) != 16 || len(send.TraceID) != 32 {
			t.Error(first.SpanID, second.SpanID, send.SpanID, send.TraceID)
		}
		if first.Status.Code != statusError || len(first.Status.Message) > maxMessage+4 || second.Status.Code != statusOK {
			t.Error(first.Status, second.Status)
		}
		if first.Start != "1795521600000001000" || first.End != "1795521601000001000" {
			t.Error(first.Start, first.End)
		}
		within := of.Within(5).String()
		if within[36:52] != second.SpanID || within[3:35] != send.TraceID {
			t.Error(within, "is not in", second)
		}
		if text != "" && (send.TraceID != parent[3:35] || send.ParentSpanID != parent[36:52]) {
			t.Errorf("%+v is not in %s", send, parent)
		}
		if text == "" && send.ParentSpanID != "" {
			t.Error(send.ParentSpanID)
		}
	}
}

// collector is what takes spans; answers are its next answers, 200 when there are none.
type collector struct {
	mu      sync.Mutex
	answers []int    // guarded by mu
	calls   int      // guarded by mu
	spans   []string // guarded by mu; names
	header  string   // guarded by mu
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := httptest.NewRecorder()
	c.calls++
	if len(c.answers) > 0 {
		code := c.answers[0]
		c.answers = c.answers[1:]
		if code == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		if code != 200 {
			w.WriteHeader(code)
			return w.Result(), nil
		}
	}
	var body struct {
		ResourceSpans []struct {
			ScopeSpans []struct{ Spans []Span }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	for _, s := range body.ResourceSpans[0].ScopeSpans[0].Spans {
		c.spans = append(c.spans, s.Name)
	}
	c.header = r.URL.String() + " " + r.Header.Get("Authorization")
	return w.Result(), nil
}

// exporting runs an exporter in a bubble and returns when it has ended.
func exporting(t *testing.T, answers []int, do func(e *Exporter, c *collector)) *collector {
	c := &collector{answers: answers}
	synctest.Test(t, func(t *testing.T) {
		e, err := NewExporter("http://collector:4318", map[string]string{"Authorization": "secret"}, "1", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		e.client.Transport = c
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			e.Run(ctx)
		}()
		do(e, c)
		stop()
		<-ended
	})
	return c
}

func TestSpansTravelTogetherAndAreTriedAgain(t *testing.T) {
	c := exporting(t, []int{503, 0}, func(e *Exporter, c *collector) {
		e.Add(Span{Name: "a"})
		e.Add(Span{Name: "b"})
		time.Sleep(sendEvery + firstPause + 2*firstPause + time.Second)
		synctest.Wait()
	})
	if strings.Join(c.spans, " ") != "a b" || c.calls != 3 || c.header != "http://collector:4318/v1/traces secret" {
		t.Errorf("%+v", c)
	}
}

func TestWhatIsLeftIsSentAtTheEnd(t *testing.T) {
	c := exporting(t, nil, func(e *Exporter, _ *collector) {
		for range maxBatch + 10 {
			e.Add(Span{Name: "x"})
		}
	})
	if len(c.spans) != maxBatch+10 {
		t.Error(len(c.spans), "of", maxBatch+10)
	}
}

func TestACollectorThatRefusesCostsNothingMore(t *testing.T) {
	c := exporting(t, []int{400}, func(e *Exporter, c *collector) {
		e.Add(Span{Name: "a"})
		time.Sleep(time.Minute)
		for range 3 * maxWaiting { // never waits
			e.Add(Span{Name: "b"})
		}
	})
	if c.calls < 2 || c.spans[0] != "b" || len(c.spans) > 2*maxWaiting {
		t.Errorf("%d calls, %d spans", c.calls, len(c.spans))
	}
}

func TestAnEndpointIsAnAddress(t *testing.T) {
	for _, endpoint := range []string{"collector:4318", "ftp://x", "http://", "/v1/traces"} {
		if _, err := NewExporter(endpoint, nil, "1", nil); err == nil {
			t.Error(endpoint)
		}
	}
	if e, err := NewExporter("https://x/otlp/v1/traces", nil, "1", nil); err != nil || e.endpoint != "https://x/otlp/v1/traces" {
		t.Error(e, err)
	}
}
