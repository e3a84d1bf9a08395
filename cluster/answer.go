package cluster

import (
	"bytes"
	"net/http"
)

// Answer is a whole answer in memory. It is the http.ResponseWriter of requests that a node passes on or sends for itself.
type Answer struct {
	Code   int // 0 = nothing was answered yet
	Body   bytes.Buffer
	header http.Header
}

// NewAnswer returns an empty answer.
func NewAnswer() *Answer { return &Answer{header: http.Header{}} }

// Header returns the headers, to be read or set.
func (a *Answer) Header() http.Header { return a.header }

// WriteHeader sets the status. Only the first call counts.
func (a *Answer) WriteHeader(code int) {
	if a.Code == 0 {
		a.Code = code
	}
}

// Write adds to the body.
func (a *Answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.Body.Write(b)
}

// status is the status, also of an answer to which nothing was written.
func (a *Answer) status() int {
	if a.Code == 0 {
		return http.StatusOK
	}
	return a.Code
}
