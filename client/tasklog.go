package client

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"daybook/internal/jsontext"
	"daybook/internal/logline"
)

const (
	// logEvery is the time between two posts of a task's log.
	logEvery = 200 * time.Millisecond
	// mostLogBytes is the most that waits to be sent; lines beyond it are dropped and counted.
	mostLogBytes = 1 << 20
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

// taskLog returns the log of the attempt.
func (a *attempt) taskLog() *taskLog {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.log == nil {
		a.log = &taskLog{run: a.run, attempt: a, closing: make(chan struct{}), closed: a.logClosed}
	}
	return a.log
}

// closeLog closes the log, also to those who ask for it later.
func (a *attempt) closeLog() {
	a.mu.Lock()
	l := a.log
	a.logClosed = true
	a.mu.Unlock()
	if l != nil {
		l.close()
	}
}

func (l *taskLog) logger() *slog.Logger { return slog.New(logline.NewHandler(l.write)) }

// write adds a line. It never waits for the server.
func (l *taskLog) write(line logline.Line) {
	text := appendLogLine(nil, &line)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return
	case l.waiting.Len()+len(text) > mostLogBytes:
		l.dropped++
		return
	}
	l.waiting.Write(text)
	if !l.sending {
		l.sending, l.sender = true, make(chan struct{})
		go l.send(l.sender)
	}
}

// appendLogLine appends a line as NDJSON.
func appendLogLine(dst []byte, l *logline.Line) []byte {
	w := (*jsontext.Writer)(&dst)
	w.Object()
	w.Key("at").Time(l.At.UnixMicro())
	w.Key("level").String(logline.LevelName(l.Level))
	w.Key("text").String(l.Text)
	if l.Attributes != nil {
		w.Key("attributes").Raw(l.Attributes)
	}
	w.EndObject()
	return append(dst, '\n')
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
		l.waiting.Write(appendLogLine(nil, &logline.Line{At: time.Now(), Level: slog.LevelWarn,
			Text: fmt.Sprintf("%d lines were left out: they came faster than the server takes them", l.dropped)}))
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
		header: http.Header{"Content-Type": {"application/x-ndjson"}}, body: text(lines), again: true}
	for pause := shortestPause; ; pause = min(2*pause, longestCallPause) {
		_, err := l.run.client.do(ctx, k, nil)
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
