package tasklog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"daybook/internal/logline"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func id(n byte) ulid.ULID { return ulid.ULID{15: n} }

func line(text string) logline.Line {
	return logline.Line{At: time.UnixMicro(1_000_000), Level: slog.LevelInfo, Text: text}
}

func lines(prefix string, n int) (list []logline.Line) {
	for i := range n {
		list = append(list, line(fmt.Sprint(prefix, i)))
	}
	return list
}

func add(t *testing.T, s *Store, task ulid.ULID, attempt int, list ...logline.Line) {
	t.Helper()
	if err := s.Append(t.Context(), task, attempt, list); err != nil {
		t.Fatal(err)
	}
}

// page returns the lines of a query; without a level and a limit it is for all.
func page(t *testing.T, s *Store, task ulid.ULID, q Query) (list []Line, more bool) {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 1000
	}
	if q.Level == 0 {
		q.Level = slog.LevelDebug
	}
	list, more, err := s.Read(t.Context(), task, q)
	if err != nil {
		t.Fatal(err)
	}
	return list, more
}

// read returns the texts of the lines of a query.
func read(t *testing.T, s *Store, task ulid.ULID, q Query) (texts []string, more bool) {
	t.Helper()
	list, more := page(t, s, task, q)
	for i, l := range list {
		if i > 0 && l.Number <= list[i-1].Number {
			t.Error("number ", l.Number, " follows ", list[i-1].Number)
		}
		texts = append(texts, l.Text)
	}
	return texts, more
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLinesComeBackAsTheyWereAlsoAfterReopening(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	at := time.Date(2026, 11, 24, 12, 0, 0, 123_000, time.UTC)
	full := logline.Line{At: at, Level: slog.LevelError, Text: "two\nlines, a \x00 and ünïcode", Attributes: []byte(`{"a":{"b":[1,null]}}`)}
	add(t, s, id(1), 2, full)
	add(t, s, id(2), 1, line("of another task"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir})
	add(t, s, id(1), 3, line("after"))
	got, more, err := s.Read(t.Context(), id(1), Query{Limit: 10, Level: slog.LevelDebug})
	if err != nil || more || len(got) != 2 {
		t.Fatal(got, more, err)
	}
	l := got[0]
	if !l.At.Equal(at) || l.Level != full.Level || l.Text != full.Text || !bytes.Equal(l.Attributes, full.Attributes) || l.Attempt != 2 {
		t.Errorf("%+v", l)
	}
	if got[1].Number <= l.Number || got[1].Attributes != nil || got[1].Attempt != 3 {
		t.Errorf("%+v", got[1])
	}
}

func TestPagesForwardAndBackwardHaveEachLineOnce(t *testing.T) {
	s := open(t, Options{})
	for i := range 10 {
		level := logline.Levels[i%4]
		add(t, s, id(1), 1+i%2, logline.Line{At: time.Now(), Level: level, Text: fmt.Sprint(i)})
		add(t, s, id(2), 1, line("noise"))
	}
	for _, filter := range []Query{{}, {Attempt: 2}, {Level: slog.LevelWarn}} {
		all, _ := read(t, s, id(1), filter)
		var up, down []string
		for q, more := filter, true; more; {
			var some []Line
			q.Limit = 3
			some, more = page(t, s, id(1), q)
			for _, l := range some {
				up, q.After = append(up, l.Text), l.Number
			}
		}
		for q, more := filter, true; more; {
			var some []Line
			q.Limit, q.Tail = 3, true
			some, more = page(t, s, id(1), q)
			for _, l := range slices.Backward(some) {
				down, q.Before = append([]string{l.Text}, down...), l.Number
			}
		}
		equal(t, up, all...)
		equal(t, down, all...)
		if len(all) == 0 {
			t.Error("nothing passes ", filter)
		}
	}
}

func TestATaskKeepsItsNewestLinesAndSaysHowManyAreGone(t *testing.T) {
	s := open(t, Options{MaxTask: 10 * (lineCost + 2), MaxTotal: 1 << 30})
	add(t, s, id(2), 1, line("o0"))
	add(t, s, id(1), 1, lines("a", 9)...)
	equal(t, first(read(t, s, id(1), Query{})), "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8")
	add(t, s, id(1), 1, lines("b", 5)...)
	notice := "4 older lines were removed: the log of a task keeps its newest 660 bytes"
	want := []string{notice, "a4", "a5", "a6", "a7", "a8", "b0", "b1", "b2", "b3", "b4"}
	equal(t, first(read(t, s, id(1), Query{})), want...)
	equal(t, first(read(t, s, id(1), Query{Attempt: 7})), notice)
	begin, _ := page(t, s, id(1), Query{Limit: 3})
	if begin[0].Attempt != 0 || begin[0].Level != slog.LevelWarn {
		t.Error(begin)
	}
	equal(t, first(read(t, s, id(1), Query{After: begin[0].Number})), want[1:]...) // it is not said again
	equal(t, first(read(t, s, id(1), Query{Tail: true, Limit: 2})), "b3", "b4")
	equal(t, first(read(t, s, id(1), Query{Tail: true, Limit: 50})), want...)
	equal(t, first(read(t, s, id(2), Query{})), "o0")
}

func first(texts []string, _ bool) []string { return texts }

func TestTheSilentTasksGoFirstWhenAllLogsAreTooLarge(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, MaxTask: 1 << 20, MaxTotal: 3 * 10 * (lineCost + 2)}
	s := open(t, o)
	for _, n := range []byte{1, 2, 3} {
		add(t, s, id(n), 1, lines("x", 10)...)
	}
	if !s.EvictedUntil().IsZero() {
		t.Error("nothing had to go yet")
	}
	add(t, s, id(1), 1, line("y0")) // now the second is the silent one
	equal(t, first(read(t, s, id(2), Query{})))
	if got, _ := read(t, s, id(1), Query{}); len(got) != 11 {
		t.Error(got)
	}
	if s.EvictedUntil().IsZero() {
		t.Error("it is not said that a log was removed")
	}
	size, until := s.Stats().Bytes, s.EvictedUntil()
	if size > o.MaxTotal || size != 21*(lineCost+2) {
		t.Error(size)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s = open(t, o); s.Stats().Bytes != size || !s.EvictedUntil().Equal(until) {
		t.Error(s.Stats(), s.EvictedUntil(), "after reopening, not", size, until)
	}
}

func TestHandlersNeverWaitAndWhatIsLeftOutIsSaid(t *testing.T) {
	entered, release := make(chan struct{}, 100), make(chan struct{})
	s := open(t, Options{Room: func() bool { entered <- struct{}{}; <-release; return true }})
	appended := make(chan error, 1)
	go func() { appended <- s.Append(context.Background(), id(3), 1, lines("x", 1)) }()
	<-entered // the writer stands still
	logger := slog.New(s.Handler(id(1), 3))
	big := strings.Repeat("x", logline.MaxBytes)
	logger.Info("first")
	for range 100 { // more than fits
		logger.Warn(big)
	}
	other := slog.New(s.Handler(id(2), 1))
	other.Info("not to blame")
	close(release)
	if err := errors.Join(<-appended, s.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, s, id(1), Query{})
	kept := len(got) - 2
	want := fmt.Sprintf("%d lines were left out: they could not be written in time", 100-kept)
	if last := got[len(got)-1]; kept < 10 || kept > 20 || last != want {
		t.Errorf("%d lines kept, the last is %.80q, want %q", kept, last, want)
	}
	if left := s.Stats().LeftOut; left != int64(100-kept) {
		t.Error(left, "are counted as left out")
	}
	equal(t, first(read(t, s, id(2), Query{})), "not to blame")
}

func TestLinesOfHandlersAreWrittenWithoutAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{})
		logger := slog.New(s.Handler(id(1), 1))
		changed := s.Changed()
		logger.Info("a", "n", 1)
		time.Sleep(flushEvery - 1)
		synctest.Wait()
		if s.Seq() != 0 {
			t.Error("it did not wait for others")
		}
		logger.Info("b")
		<-changed
		equal(t, first(read(t, s, id(1), Query{})), "a", "b")
	})
}

func TestCloseWritesWhatWaits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	slog.New(s.Handler(id(1), 1)).Info("last words")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	slog.New(s.Handler(id(1), 1)).Info("too late")
	if err := s.Append(t.Context(), id(1), 1, lines("x", 1)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, _, err := s.Read(t.Context(), id(1), Query{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	equal(t, first(read(t, open(t, Options{Dir: dir}), id(1), Query{})), "last words")
}

func TestAFullDiskRefusesLinesUntilThereIsRoom(t *testing.T) {
	var mu sync.Mutex
	room := false
	logged := &bytes.Buffer{}
	s := open(t, Options{Logger: slog.New(slog.NewTextHandler(logged, nil)), Room: func() bool {
		mu.Lock()
		defer mu.Unlock()
		return room
	}})
	logger := slog.New(s.Handler(id(2), 1))
	for range 3 {
		if err := s.Append(t.Context(), id(1), 1, lines("x", 1)); !errors.Is(err, ErrNoRoom) {
			t.Error(err)
		}
		logger.Info("lost")
	}
	_ = s.Flush(t.Context())
	mu.Lock()
	room = true
	mu.Unlock()
	logger.Info("kept")
	add(t, s, id(1), 1, line("x1"))
	equal(t, first(read(t, s, id(1), Query{})), "x1")
	equal(t, first(read(t, s, id(2), Query{})), "kept", "3 lines were left out: they could not be written in time")
	if n := strings.Count(logged.String(), "\n"); n != 2 {
		t.Error(logged)
	}
}

func TestADamagedDatabaseIsMovedAsideAndAForeignOneRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir})
	add(t, s, id(1), 1, line("new"))
	if _, err := os.Stat(path + damagedSuffix); err != nil {
		t.Error(err)
	}
	if err := s.w.c.Do("PRAGMA user_version = 99"); err != nil { // nothing else is written meanwhile
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Error(err)
	}
}

func TestManyWritersAndReadersAtOnce(t *testing.T) {
	s := open(t, Options{MaxTask: 200 * (lineCost + 4), MaxTotal: 1 << 30})
	var all sync.WaitGroup
	for n := range byte(4) {
		all.Go(func() {
			for i := range 100 {
				if err := s.Append(context.Background(), id(n), 1, lines(fmt.Sprint(i, "."), 1+rand.IntN(5))); err != nil {
					t.Error(err)
				}
			}
		})
		logger := slog.New(s.Handler(id(n), 2))
		all.Go(func() {
			for range 100 {
				logger.Info("mine")
			}
		})
		all.Go(func() {
			for range 50 {
				if _, _, err := s.Read(context.Background(), id(n), Query{Limit: 100, Tail: true, Level: slog.LevelDebug}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := s.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	for n := range byte(4) {
		if got, _ := read(t, s, id(n), Query{}); len(got) < 150 {
			t.Error(len(got), "lines of task", n)
		}
	}
}
