package httprequest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"daybook/files"
	"daybook/handler"
)

const (
	maxText        = 64 << 10 // bytes of a body in the result
	maxHeaders     = 50       // of the result
	maxHeaderValue = 2000     // bytes
	maxExcerpt     = 300      // bytes of a body in an error
	maxBody        = 1 << 40  // bytes: more than max_response_bytes can be
	maxWait        = 7 * 24 * time.Hour
)

type result struct {
	Status     int               `json:"status"`
	URL        string            `json:"url"`
	Headers    map[string]string `json:"headers"`
	Body       *string           `json:"body"`
	BodyBytes  int64             `json:"body_bytes"`
	Truncated  bool              `json:"body_truncated"`
	File       *string           `json:"file"`
	DurationMS float64           `json:"duration_ms"`
}

// Outcome is the status and the size of the body.
func (r result) Outcome() (string, bool) {
	text := statusText(r.Status) + ", " + sizeText(r.BodyBytes)
	if r.Truncated {
		text += ", cut off"
	}
	return text, r.Truncated
}

// Files are the ids of the files in it.
func (r result) Files() []string {
	if r.File == nil {
		return nil
	}
	return []string{*r.File}
}

// read reads a response whose status is expected; another one is a *statusError.
func (p *parameters) read(ctx context.Context, call handler.Call, response *http.Response) (result, error) {
	if !p.expects(response.StatusCode) {
		return result{}, p.unexpected(response)
	}
	r := result{Status: response.StatusCode, URL: p.shown(response.Request.URL), Headers: headersOf(response.Header)}
	body := &capped{from: response.Body, left: int64(p.MaxResponse)}
	start, err := io.ReadAll(io.LimitReader(body, maxText+1))
	if err != nil {
		return result{}, err
	}
	text := textOf(start[:min(len(start), maxText)], len(start) > maxText || body.more)
	if (text == nil || len(start) > maxText) && p.post == nil {
		info, err := call.Files.Put(ctx, nameOf(response), response.Header.Get("Content-Type"),
			io.MultiReader(bytes.NewReader(start), body), maxBody)
		switch {
		case errors.Is(err, files.ErrFull):
			return result{}, errors.New("there is no room on the disk of the server for the response")
		case err != nil:
			return result{}, err
		}
		r.File = &info.ID
	}
	r.Body, r.BodyBytes, r.Truncated = text, body.read, body.more
	return r, nil
}

func (p *parameters) expects(status int) bool {
	if p.ExpectStatus == nil {
		return 200 <= status && status <= 299
	}
	return slices.Contains(p.ExpectStatus, float64(status))
}

// capped reads as much as is left, and notes whether there is more.
type capped struct {
	from io.Reader
	left int64
	read int64
	more bool
}

func (c *capped) Read(b []byte) (int, error) {
	if c.left == 0 {
		var one [1]byte
		n, err := io.ReadFull(c.from, one[:])
		if c.more = c.more || n > 0; c.more || errors.Is(err, io.EOF) {
			return 0, io.EOF
		}
		return 0, err
	}
	n, err := c.from.Read(b[:min(int64(len(b)), c.left)])
	c.left, c.read = c.left-int64(n), c.read+int64(n)
	return n, err
}

// textOf is a body as text, nil if it is none. The last character of a body that goes on may be cut.
func textOf(body []byte, goesOn bool) *string {
	if goesOn {
		for i := 1; i < utf8.UTFMax && i <= len(body); i++ {
			if b := body[len(body)-i]; utf8.RuneStart(b) {
				if !utf8.FullRune(body[len(body)-i:]) {
					body = body[:len(body)-i]
				}
				break
			}
		}
	}
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return nil
	}
	text := string(body)
	return &text
}

// nameOf is what the file of a response is called: the last element of the path.
func nameOf(response *http.Response) string {
	if name := path.Base(response.Request.URL.Path); name != "." && name != "/" {
		return name
	}
	return "response"
}

// headersOf is what a result shows of the headers. Cookies are secrets.
func headersOf(h http.Header) map[string]string {
	shown := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if strings.HasPrefix(name, "Set-Cookie") || len(shown) == maxHeaders {
			continue
		}
		shown[name] = cut(strings.ToValidUTF8(strings.Join(h[name], ", "), "\uFFFD"), maxHeaderValue)
	}
	return shown
}

// cut shortens a text to that many bytes, at the end of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	most -= len("…")
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// statusError is an answer with a status that is not expected.
type statusError struct {
	host   string
	status int
	text   string // the beginning of the body
	wait   time.Duration
}

// unexpected reads what an answer with such a status says.
func (p *parameters) unexpected(response *http.Response) error {
	start, _ := io.ReadAll(io.LimitReader(response.Body, 4*maxExcerpt)) // the status says enough
	text := ""
	if body := textOf(start, true); body != nil {
		text = strings.Join(strings.FieldsFunc(*body, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
		text = cut(redacted(text, p.secrets()), maxExcerpt)
	}
	if p.post != nil && 300 <= response.StatusCode && response.StatusCode <= 399 {
		text = "redirects are not followed; use the URL that it leads to"
	}
	return &statusError{host: response.Request.URL.Host, status: response.StatusCode, text: text,
		wait: retryAfter(response.Header.Get("Retry-After"), time.Now())}
}

// Status is the status of the answer.
func (e *statusError) Status() int { return e.status }

func (e *statusError) Error() string {
	text := e.host + " answered " + statusText(e.status)
	if e.text != "" {
		text += ": " + e.text
	}
	return text
}

// verdict is the error of the attempt: what a retry may mend is tried again.
func (e *statusError) verdict(p *parameters) error {
	switch {
	case e.status != http.StatusTooManyRequests && e.status < 500 && p.post == nil:
		return handler.Permanent(e)
	case e.wait > 0:
		return handler.RetryAfter(e, e.wait)
	}
	return e
}

// retryAfter reads the header Retry-After: seconds or a date; 0 = it says nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxWait)
	}
	return 0
}

func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

// sizeText is a number of bytes for people: "1.2 kB".
func sizeText(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, unit := float64(n)/1000, 0
	for units := "kMG"; size >= 999.95 && unit < len(units)-1; unit++ {
		size /= 1000
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + "kMG"[unit:unit+1] + "B"
}
