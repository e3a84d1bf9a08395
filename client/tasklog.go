package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// logEvery is the time between two posts of a task's log.
	logEvery = 200 * time.Millisecond
	// mostLogBytes is the most that waits to be sent; lines beyond it are dropped and counted.
	mostLogBytes = 1 << 20
	// mostLineBytes is the longest line that a server keeps.
	mostLineBytes = 64 << 10
	// lastLogTime is how long the end of an attempt waits for its last lines.
	lastLogTime = 5 * time.Second
)

// taskLog sends the lines of one attempt to the server. A goroutine runs while there are some.
type taskLog struct {
	run     *workerRun
	attempt *attempt
	closing chan struct{} // closed when the handler has returned

	mu      sync.Mutex
	waiting bytes.Buffer  // lines as JSON; guarded by mu
	dropped int           // lines; guarded by mu
	sender  chan struct{} // closed when the goroutine has ended; nil = there was none; guarded by mu
	sending bool          // the goroutine runs; guarded by mu
	closed  bool          // guarded by mu
}

func newTaskLog(r *workerRun, a *attempt) *taskLog {
	return &taskLog{run: r, attempt: a, closing: make(chan struct{})}
}

func (l *taskLog) logger() *slog.Logger {
	var text bytes.Buffer
	h := &logHandler{log: l, mu: &sync.Mutex{}, text: &text}
	h.attrs = slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutBuiltIn})
	return slog.New(h)
}

// write adds a line. It never waits for the server.
func (l *taskLog) write(at time.Time, level slog.Level, text string) {
	line, err := json.Marshal(struct {
		At    string `json:"at"`
		Level string `json:"level"`
		Text  string `json:"text"`
	}{at.UTC().Format("2006-01-02T15:04:05.000000Z"), levelName(level), cutLine(text)})
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return
	case l.waiting.Len()+len(line) > mostLogBytes:
		l.dropped++
		return
	}
	l.waiting.Write(line)
	l.waiting.WriteByte('\n')
	if !l.sending {
		l.sending, l.sender = true, make(chan struct{})
		go l.send(l.sender)
	}
}

func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelInfo:
		return "debug"
	case level < slog.LevelWarn:
		return "info"
	case level < slog.LevelError:
		return "warn"
	}
	return "error"
}

// cutLine leaves room for what encoding adds.
func cutLine(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > mostLineBytes {
		text = strings.ToValidUTF8(text[:mostLineBytes-len("…")], "") + "…"
	}
	return text
}

// send sends lines until there are none.
func (l *taskLog) send(ended chan struct{}) {
	defer close(ended)
	ctx, cancel := context.WithCancel(l.run.calls)
	defer cancel()
	var last *time.Timer
	for {
		select {
		case <-l.closing:
			if last == nil {
				last = time.AfterFunc(lastLogTime, cancel)
				defer last.Stop()
			}
		case <-time.After(logEvery):
		}
		lines := l.drain()
		if len(lines) == 0 {
			return
		}
		l.post(ctx, lines)
	}
}

// drain returns the lines that have not been sent. If there are none, the sending goroutine must end.
func (l *taskLog) drain() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped > 0 {
		line, _ := json.Marshal(map[string]string{"at": time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), "level": "warn",
			"text": fmt.Sprintf("%d lines were left out: they came faster than the server takes them", l.dropped)})
		l.waiting.Write(append(line, '\n'))
		l.dropped = 0
	}
	lines := bytes.Clone(l.waiting.Bytes())
	l.waiting.Reset()
	if len(lines) == 0 {
		l.sending = false
	}
	return lines
}

// post sends lines until the server accepts or refuses them.
func (l *taskLog) post(ctx context.Context, lines []byte) {
	k := call{method: http.MethodPost, path: pathOf("/api/leases/", l.attempt.token, "/log"),
		header: http.Header{"Content-Type": {"application/x-ndjson"}}}
	for pause := shortestPause; ; pause = min(2*pause, longestCallPause) {
		k.body = bytes.NewReader(lines)
		_, err := l.run.client.do(ctx, k, nil)
		if StatusOf(err) == http.StatusNotFound { // a server that keeps no logs of tasks
			l.run.logger.Info("log of a task", "task", l.attempt.task.ID, "lines", string(lines))
			return
		}
		if err == nil || !transient(err) || sleep(ctx, pauseAfter(err, pause)) != nil {
			return
		}
	}
}

// close sends the last lines, before the lease ends, and takes no more.
func (l *taskLog) close() {
	l.mu.Lock()
	l.closed = true
	sender := l.sender
	l.mu.Unlock()
	close(l.closing)
	if sender != nil {
		<-sender
	}
}

// logHandler writes records into a taskLog: the message, then the attributes as slog's text
// handler has them.
type logHandler struct {
	log   *taskLog
	attrs slog.Handler // writes into text
	mu    *sync.Mutex
	text  *bytes.Buffer // guarded by mu
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, rec slog.Record) error {
	at := rec.Time
	if at.IsZero() {
		at = time.Now()
	}
	only := slog.NewRecord(time.Time{}, rec.Level, "", 0)
	rec.Attrs(func(a slog.Attr) bool { only.AddAttrs(a); return true })
	h.mu.Lock()
	h.text.Reset()
	err := h.attrs.Handle(ctx, only)
	attrs := strings.TrimSpace(h.text.String())
	h.mu.Unlock()
	h.log.write(at, rec.Level, strings.TrimSpace(rec.Message+" "+attrs))
	return err
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = h.attrs.WithAttrs(attrs)
	return &with
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.attrs = h.attrs.WithGroup(name)
	return &with
}

// withoutBuiltIn leaves out the level and the empty message, which the text handler always has.
func withoutBuiltIn(groups []string, a slog.Attr) slog.Attr {
	isLevel := a.Key == slog.LevelKey && a.Value.Kind() == slog.KindAny
	isMessage := a.Key == slog.MessageKey && a.Value.Kind() == slog.KindString && a.Value.String() == ""
	if len(groups) == 0 && (isLevel || isMessage) {
		return slog.Attr{}
	}
	return a
}
