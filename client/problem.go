package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"daybook/internal/durable"
)

// Problem is a refusal by the server, as RFC 9457 has it.
type Problem struct {
	Type       string        `json:"type"` // names the kind of problem, such as "…/outcome-unknown"
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Detail     string        `json:"detail"`
	Instance   string        `json:"instance"`
	TaskID     string        `json:"task_id"` // the task that holds the unique key; "" = the refusal names none
	Errors     []FieldError  `json:"errors"`
	Step       *durable.Step `json:"step"` // the first step of the name, whose value stays; nil = the refusal is of something else
	RetryAfter time.Duration `json:"-"`    // 0 = the server does not say
}

// FieldError says what is wrong with one value of a request.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON pointer: "/parameters/rows"
	Detail  string `json:"detail"`
}

// Error is the refusal on one line for a person. Where single values are to blame, they
// take the place of advice that was written for programs.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if len(p.Errors) > 0 {
		text, _, _ = strings.Cut(text, ". ")
	}
	var b strings.Builder
	b.WriteString(strings.TrimSuffix(text, "."))
	for i, e := range p.Errors {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		if e.Pointer != "" {
			b.WriteString(e.Pointer + " ")
		}
		b.WriteString(e.Detail)
	}
	fmt.Fprintf(&b, " (%d)", p.Status)
	return b.String()
}

// StatusOf is the HTTP status of the *Problem in err, 0 if there is none.
func StatusOf(err error) int {
	var p *Problem
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

// maxProblem is the most bytes of a refusal that are read.
const maxProblem = 1 << 20

// problemOf reads a refusal and closes its body.
func problemOf(resp *http.Response) error {
	defer resp.Body.Close()
	p := &Problem{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode)}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err == nil && kind == "application/problem+json" {
		if json.Unmarshal(body, p) != nil || p.Title == "" {
			p.Title = http.StatusText(resp.StatusCode)
		}
	}
	p.Status = resp.StatusCode
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return p
}
