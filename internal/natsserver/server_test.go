package natsserver_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"daybook/internal/freeaddr"
	"daybook/internal/natsserver"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines are what a server logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
	more chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

// patience is how long a test waits for what must come. Machines that test are busy.
const patience = 2 * time.Minute

// wait waits until a line has the text.
func (l *lines) wait(t *testing.T, text string) {
	t.Helper()
	for {
		l.mu.Lock()
		have := l.text.String()
		l.mu.Unlock()
		if strings.Contains(have, text) {
			return
		}
		select {
		case <-l.more:
		case <-time.After(patience):
			t.Fatalf("nobody logs %q: %s", text, have)
		}
	}
}

func start(t *testing.T, o natsserver.Options) (*natsserver.Server, *lines, error) {
	t.Helper()
	log := &lines{more: make(chan struct{}, 1)}
	o.Dir, o.Logger = t.TempDir(), slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := natsserver.Start(o)
	if err == nil {
		t.Cleanup(s.Stop)
	}
	return s, log, err
}

func TestANodeWithAnotherSecretIsRefused(t *testing.T) {
	a := freeaddr.Find(t)
	first, log, err := start(t, natsserver.Options{Name: "a", Cluster: "test", Listen: a, Peers: []string{"127.0.0.1:1"}, Secret: "one secret"})
	if err != nil {
		t.Fatal(err)
	}
	second, other, err := start(t, natsserver.Options{Name: "b", Cluster: "test", Listen: freeaddr.Find(t), Peers: []string{a}, Secret: "another secret"})
	if err != nil {
		t.Fatal(err)
	}
	log.wait(t, "a node is refused: its secret is not that of this node")
	other.wait(t, "a node is refused: its secret is not that of this node")
	if first.Peers() != 0 || second.Peers() != 0 {
		t.Errorf("%d and %d peers", first.Peers(), second.Peers())
	}
	for _, l := range []*lines{log, other} {
		if text := l.text.String(); strings.Contains(text, "one secret") || strings.Contains(text, "another secret") {
			t.Error("a secret is in the log")
		}
	}
}

// Two clusters of one name and one secret: a node of one has an address of the other. They stay two.
func TestANodeOfAnotherLogIsRefused(t *testing.T) {
	a := freeaddr.Find(t)
	first, log, err := start(t, natsserver.Options{Name: "a", Cluster: "test", Listen: a, Peers: []string{"127.0.0.1:1"}, Secret: "one secret"})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.SetLog("ONE"); err != nil { // it began with an empty folder
		t.Fatal(err)
	}
	second, other, err := start(t, natsserver.Options{Name: "b", Cluster: "test", Listen: freeaddr.Find(t), Peers: []string{a}, Secret: "one secret", Log: "ANOTHER"})
	if err != nil {
		t.Fatal(err)
	}
	log.wait(t, "a node of another log is refused")
	other.wait(t, "or it has another log")
	if first.Peers() != 0 || second.Peers() != 0 {
		t.Errorf("%d and %d peers", first.Peers(), second.Peers())
	}
	if s := first.Stranger(); s.Log != "ANOTHER" || s.At.IsZero() || s.From != "127.0.0.1" {
		t.Errorf("the stranger is %+v", s)
	}
	for name, id := range map[string]string{"c": "ONE", "d": ""} {
		friend, _, err := start(t, natsserver.Options{Name: name, Cluster: "test", Listen: freeaddr.Find(t), Peers: []string{a}, Secret: "one secret", Log: id})
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(patience); friend.Peers() == 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("node %s, with log %q, is not let in", name, id)
			}
		}
	}
}

// The one that was there says so.
func TestASecondNodeOfTheSameNameIsNamed(t *testing.T) {
	a := freeaddr.Find(t)
	_, log, err := start(t, natsserver.Options{Name: "a", Cluster: "test", Listen: a, Peers: []string{"127.0.0.1:1"}, Secret: "one secret"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := start(t, natsserver.Options{Name: "a", Cluster: "test", Listen: freeaddr.Find(t), Peers: []string{a}, Secret: "one secret"}); err != nil {
		t.Fatal(err)
	}
	log.wait(t, "two nodes have the same name")
}

func TestWhatCannotStartIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		o    natsserver.Options
		text string
	}{
		"no secret":         {natsserver.Options{Name: "a", Cluster: "test", Listen: freeaddr.Find(t)}, "no secret and no certificates"},
		"a port is taken":   {natsserver.Options{Name: "a", Cluster: "test", Listen: taken.Addr().String(), Secret: "s"}, "cannot listen at"},
		"no port":           {natsserver.Options{Name: "a", Cluster: "test", Listen: "127.0.0.1", Secret: "s"}, "is not HOST:PORT"},
		"port is no number": {natsserver.Options{Name: "a", Cluster: "test", Listen: "127.0.0.1:http", Secret: "s"}, "no number"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := start(t, c.o); err == nil || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, want %q", err, c.text)
			}
		})
	}
}

func TestALoneServerIsReady(t *testing.T) {
	s, _, err := start(t, natsserver.Options{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if own, made := s.IDs(); own != made { // of another version of NATS
		t.Errorf("its ID is %s, and %s is made of its name", own, made)
	}
	if !s.IsReady() || s.Peers() != 0 {
		t.Errorf("ready %v, %d peers", s.IsReady(), s.Peers())
	}
}

// NATS would mix the streams of a lone server up with those of the others.
func TestAServerThatWasAloneDoesNotJoinOthersWithItsStreams(t *testing.T) {
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	lone, err := natsserver.Start(natsserver.Options{Name: "a", Dir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	c, err := lone.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Request("$JS.API.STREAM.CREATE.one", []byte(`{"name":"one","subjects":["one"],"storage":"file","num_replicas":1,"retention":"limits","discard":"old"}`), 5*time.Second)
	c.Close()
	lone.Stop()
	if err != nil || strings.Contains(string(answer.Data), `"error"`) {
		t.Fatal(err, string(answer.Data))
	}
	o := natsserver.Options{Name: "a", Dir: dir, Logger: quiet, Cluster: "test", Listen: freeaddr.Find(t), Peers: []string{"127.0.0.1:1"}, Secret: "one secret"}
	if _, err := natsserver.Start(o); !errors.Is(err, natsserver.ErrWasAlone) || !strings.Contains(err.Error(), "--cluster-import") {
		t.Fatal(err)
	}
	o.Dir = t.TempDir()
	for range 2 { // what servers of a cluster leave is theirs
		s, err := natsserver.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Stop()
	}
}
