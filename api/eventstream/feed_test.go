package eventstream

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// still is views that never move.
type still struct{}

func (still) Seq() int64               { return 0 }
func (still) Changed() <-chan struct{} { return nil }

type testLog struct{}

func (testLog) ID() string    { return "01M3" }
func (testLog) Epoch() string { return "3FZKQ2" }

func newTestFeed(t *testing.T) *Feed {
	return New(t.Context(), Options{Log: testLog{}, Logger: slog.New(slog.DiscardHandler), Max: 1}).NewFeed(FeedOptions{Views: still{}})
}

func TestTheTimeBetweenRoundsGrowsWithTheClientsUpToALimit(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		clients   int
		min, want time.Duration
	}{
		{1, 5 * ms, 5 * ms}, {100, 5 * ms, 5 * ms}, {200, 5 * ms, 10 * ms}, {200, 25 * ms, 25 * ms},
		{1000, 5 * ms, 50 * ms}, {1_000_000, 25 * ms, MaxInterval},
	} {
		f := Feed{FeedOptions: FeedOptions{MinInterval: c.min}, clients: c.clients}
		if got := f.interval(); got != c.want {
			t.Errorf("%d clients, at least %v: %v, want %v", c.clients, c.min, got, c.want)
		}
	}
}

// A round may have a connection in hand that leaves meanwhile.
func TestAConnectionThatHasLeftIsNotParkedAgain(t *testing.T) {
	f := newTestFeed(t)
	c := &connection{feed: f, place: -1}
	if !f.join() {
		t.Fatal("the server stops")
	}
	f.park(c)
	f.leave(c)
	f.park(c)
	if n := f.Idle(); n != 0 || f.clients != 0 {
		t.Error(n, "connections are parked,", f.clients, "clients")
	}
}

// blind is a ResponseWriter that hides that it can flush.
type blind struct{ http.ResponseWriter }

func TestAWriterThatCannotFlushIsRefused(t *testing.T) {
	f := newTestFeed(t)
	err := f.Serve(blind{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/", nil), Opening{})
	if err != ErrCannotFlush || f.server.Open() != 0 { //nolint:errorlint // it is not wrapped
		t.Errorf("%v, %d open", err, f.server.Open())
	}
}

// The client reconnects.
func TestAStreamEndsWhoseMessageOfSilencePanics(t *testing.T) {
	f := newTestFeed(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = f.Serve(w, r, Opening{Idle: func(int64) Message { panic("planted") }, IdleEvery: time.Millisecond})
	}))
	defer server.Close()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); !strings.Contains(string(text), "event: start") {
		t.Errorf("%q", text)
	}
	f.wait()
}

func TestAnIDIsASeqAndMayHaveAnEpoch(t *testing.T) {
	for text, want := range map[string]struct {
		seq   int64
		epoch string
		ok    bool
	}{
		"7@3FZKQ2": {7, "3FZKQ2", true}, "7": {7, "", true}, "7@": {7, "", false}, "": {0, "", false}, "-1": {0, "", false}, "x@y": {0, "y", false},
	} {
		if seq, epoch, ok := ParseID(text); ok != want.ok || ok && (seq != want.seq || epoch != want.epoch) {
			t.Errorf("%q: %d %q %v", text, seq, epoch, ok)
		}
	}
}
