package httprequest

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// exchange writes the steps of a request to the task's log. URLs are without their queries, and
// no header is written but Retry-After: both may hold secrets.
type exchange struct {
	log   *slog.Logger
	began time.Time
	p     *parameters
}

func (e exchange) milliseconds() float64 {
	return float64(time.Since(e.began).Microseconds()) / 1000
}

func (e exchange) sends(request *http.Request, attempt int) {
	e.log.Info("sending the request", "method", request.Method, "url", e.p.shown(request.URL), "body_bytes", request.ContentLength, "attempt", attempt)
}

func (e exchange) follows(next *http.Request) {
	status := 0
	if next.Response != nil {
		status = next.Response.StatusCode
	}
	e.log.Info("redirected", "status", status, "method", next.Method, "url", e.p.shown(next.URL))
}

func (e exchange) answered(response *http.Response, expected bool) {
	log := e.log.With("status", response.StatusCode, "duration_ms", e.milliseconds())
	if wait := retryAfter(response.Header.Get("Retry-After"), time.Now()); wait > 0 {
		log = log.With("retry_after_seconds", wait.Seconds())
	}
	if expected {
		log.Info("answered")
	} else {
		log.Warn("answered with a status that is not expected")
	}
}

func (e exchange) read(r *result) {
	e.log.Info("response read", "body_bytes", r.BodyBytes, "cut_off", r.Truncated, "duration_ms", r.DurationMS)
}

// shown is a URL without what may be secret: user, password, query and fragment; of another type's request, the path too.
func (p *parameters) shown(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if p.post != nil {
		plain.Path, plain.RawPath = "", ""
	}
	return plain.String()
}
