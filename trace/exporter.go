package trace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxWaiting  = 8192            // spans
	maxBatch    = 512             // spans of one call
	sendEvery   = 2 * time.Second // at most this long a span waits for others
	callTime    = 10 * time.Second
	maxTries    = 5 // of one call
	firstPause  = time.Second
	flushTime   = 3 * time.Second // for what is left at the end
	tracesPath  = "/v1/traces"
	answerLimit = 64 << 10 // bytes of an answer that are read
)

// Exporter sends spans to a collector, by OTLP over HTTP with JSON. What a collector does not take in time
// is dropped: traces never slow the server.
type Exporter struct {
	endpoint string
	headers  map[string]string
	version  string
	logger   *slog.Logger
	client   *http.Client
	spans    chan Span
	failing  bool // of the goroutine of Run
}

// NewExporter returns an exporter for the collector at endpoint, such as http://127.0.0.1:4318; without a path, /v1/traces
// is added. headers are sent with each call.
func NewExporter(endpoint string, headers map[string]string, version string, logger *slog.Logger) (*Exporter, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the OTLP endpoint %q is not of the form http://127.0.0.1:4318", endpoint)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = tracesPath
	}
	return &Exporter{endpoint: u.String(), headers: headers, version: version, logger: logger,
		client: &http.Client{Timeout: callTime}, spans: make(chan Span, maxWaiting)}, nil
}

// Add hands over a span. It never waits: while too many wait, spans are dropped.
func (e *Exporter) Add(s Span) {
	select {
	case e.spans <- s:
	default:
	}
}

// Run sends spans until ctx ends, and then for a moment what is left.
func (e *Exporter) Run(ctx context.Context) {
	defer e.client.CloseIdleConnections()
	for ctx.Err() == nil {
		if batch := e.gather(ctx); len(batch) > 0 {
			e.send(ctx, batch)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
	defer cancel()
	for last.Err() == nil {
		batch := e.more(nil)
		if len(batch) == 0 {
			return
		}
		e.send(last, batch)
	}
}

// gather waits for a span, and a little for others.
func (e *Exporter) gather(ctx context.Context) (batch []Span) {
	select {
	case s := <-e.spans:
		batch = append(batch, s)
	case <-ctx.Done():
		return nil
	}
	soon := time.NewTimer(sendEvery)
	defer soon.Stop()
	for len(batch) < maxBatch {
		select {
		case s := <-e.spans:
			batch = append(batch, s)
		case <-soon.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// more adds spans that are there.
func (e *Exporter) more(batch []Span) []Span {
	for len(batch) < maxBatch {
		select {
		case s := <-e.spans:
			batch = append(batch, s)
		default:
			return batch
		}
	}
	return batch
}

// send sends spans. A collector that does not answer, or asks for it, is tried again a few times; ctx only ends the
// pauses between, so that what was gathered is sent once at the end too.
func (e *Exporter) send(ctx context.Context, batch []Span) {
	body := Encode(batch, e.version)
	var err error
	pause := firstPause
	for try := range maxTries {
		var again bool
		if again, err = e.post(context.WithoutCancel(ctx), body); err == nil || !again || try == maxTries-1 {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			e.note(err, len(batch))
			return
		}
		pause *= 2
	}
	e.note(err, len(batch))
}

// note logs when the collector stops taking spans, and when it takes them again.
func (e *Exporter) note(err error, n int) {
	switch {
	case err != nil && !e.failing:
		e.logger.Warn("traces cannot be exported; they are dropped until they can", "spans", n, "error", err)
	case err == nil && e.failing:
		e.logger.Info("traces are exported again")
	}
	e.failing = err != nil
}

// post makes one call. again says whether it may work later.
func (e *Exporter) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.endpoint, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range e.headers {
		r.Header.Set(name, value)
	}
	resp, err := e.client.Do(r)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the address, which may have a secret in it
		}
		return true, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, answerLimit))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	if resp.StatusCode/100 != 2 {
		err = fmt.Errorf("the collector answers %s", resp.Status)
	}
	return again, err
}
