package httprequest

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"daybook/handler"
)

// Post is a POST of another task type. It reaches what HTTP_REQUEST reaches and is logged like it, but its path is
// kept out of logs and errors, redirects are not followed, and each status but 2xx is tried again: whoever
// receives it may mend that.
type Post struct {
	URL         string // http or https, without a user and password in it
	Headers     map[string]string
	Body        []byte // a JSON object
	ContentType string
	Timeout     time.Duration
	MaxResponse int      // bytes of the response that are kept: 0 … 65,536
	Secrets     []string // texts that no error repeats, beside the path and the query of the URL
	Section     string   // of the configuration, whose allow lists what may be reached
}

// StatusOf is the status of the response that an error is about; 0 = there was none.
func StatusOf(err error) int {
	var answered interface{ Status() int }
	if errors.As(err, &answered) {
		return answered.Status()
	}
	return 0
}

// Answer is a response with a status of 200 to 299.
type Answer struct {
	Status     int
	Body       string // "" if it is no text
	BodyBytes  int64
	DurationMS float64
}

// Post sends the request. The error says in a sentence what is wrong and has no secret in it: see handler.Permanent and
// handler.RetryAfter.
func (t *Type) Post(ctx context.Context, call handler.Call, post Post) (Answer, error) {
	p := parameters{URL: post.URL, Method: http.MethodPost, Headers: post.Headers, Body: post.Body, Timeout: post.Timeout.Seconds(),
		MaxResponse: float64(post.MaxResponse), post: &post}
	value, err := t.send(ctx, call, &p)
	if err != nil {
		return Answer{}, err
	}
	r := value.(result)
	answer := Answer{Status: r.Status, BodyBytes: r.BodyBytes, DurationMS: r.DurationMS}
	if r.Body != nil {
		answer.Body = *r.Body
	}
	return answer, nil
}

// ValidURL reports whether requests can be sent to the URL: http or https, with a host, and without a user and password.
func ValidURL(text string) bool { return validURL(text) }

// Reaches reports whether the host of a valid URL may be reached, as far as its text says: an IP address that is neither public nor allowed
// may not. What a name resolves to is known when it is dialled.
func (t *Type) Reaches(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return true
	}
	port := uint64(80)
	if u.Scheme == "https" {
		port = 443
	}
	if u.Port() != "" {
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil {
			return false
		}
	}
	return t.reach.has(netip.AddrPortFrom(addr, uint16(port)))
}
