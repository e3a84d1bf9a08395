package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/mux"
)

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["X-Content-Type-Options"] = nosniff
	if len(r.TransferEncoding) > 0 && r.ProtoMajor == 1 {
		// It may have had a Content-Length too, which net/http takes out: two ends of one
		// message, of which a proxy may have seen the other (RFC 9112, 6.3).
		w.Header()["Connection"] = closing
	}
	p := reply{ResponseWriter: w, reads: r.Method == http.MethodGet, answers: &a.answers, accepts: r.Header["Accept-Encoding"], address: &a.address}
	defer a.recover(&p, r)
	if err := a.guard(r); err != nil && !isWithin(r) {
		a.refuse(&p, r, err)
		return
	}
	if len(a.address.cors) > 0 && a.share(&p, r) {
		return
	}
	inner, whole := a.address.below(r)
	if !whole {
		addSlash(&p, r)
		return
	}
	r, p.request = inner, inner
	at := a.find(r, &p)
	start := time.Now()
	err := a.admit(&p, r, at)
	if err == nil && r.Header["Content-Encoding"] != nil && r.Body != nil {
		err = decode(&p, r)
	}
	if err == nil {
		err = at.answer(a, &p, p.caller.visit(r))
	}
	if err != nil {
		a.refuse(&p, r, err)
	}
	p.finish()
	at.times.observe(p.status, time.Since(start))
}

// Header values are shared: assigning one costs no allocation.
var (
	nosniff  = []string{"nosniff"}
	typeJSON = []string{"application/json"}
	noStore  = []string{"no-store"}
	closing  = []string{"close"}
)

// find returns the route of r. A path with a slash at its end is the path without.
func (a *API) find(r *http.Request, p *reply) *route {
	if path := r.URL.Path; len(path) > 1 && strings.HasSuffix(path, "/") {
		clean, u := *r, *r.URL
		u.Path = path[:len(path)-1]
		clean.URL = &u
		r = &clean
	}
	if raw := r.URL.RawPath; raw != "" && strings.Contains(strings.ToUpper(raw), "%2F") {
		return cmp.Or(a.matchWithSlash(r, p), a.metrics.unknown)
	}
	return cmp.Or(a.match(r, p), a.metrics.unknown)
}

// match returns the route of a path, nil if there is none.
func (a *API) match(r *http.Request, p *reply) *route {
	if at := a.byPath[r.URL.Path]; at != nil && !at.named { // the router tries one after the other
		return at
	}
	var match mux.RouteMatch
	if !a.router.Match(r, &match) || match.MatchErr != nil {
		return nil
	}
	for name, value := range match.Vars { // no path has more than one beside {step}
		if name == "step" {
			p.step = value
		} else {
			p.id = value
		}
	}
	return match.Handler.(*route)
}

// matchWithSlash is match for a path with a name that has a slash in it, written as %2F. There is no
// such thing as it names, and its route says what a name must be.
func (a *API) matchWithSlash(r *http.Request, p *reply) *route {
	inner, u := *r, *r.URL
	path, err := url.PathUnescape(strings.NewReplacer("%2F", "%00", "%2f", "%00").Replace(strings.TrimSuffix(u.RawPath, "/")))
	if err != nil || strings.Contains(u.Path, "\x00") {
		return nil
	}
	u.Path, u.RawPath = path, ""
	inner.URL = &u
	found := a.match(&inner, p)
	p.id = strings.ReplaceAll(p.id, "\x00", "/")
	return found
}

// recover ends a request: what it held is free again, and a panic is turned into a
// problem: the stack goes to the server's log, never to the client.
func (a *API) recover(p *reply, r *http.Request) {
	cause := recover()
	p.releaseMemory()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler { //nolint:errorlint // the server compares so too
		panic(cause)
	}
	a.Logger.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", cause, "stack", string(debug.Stack()))
	if p.status != 0 {
		panic(http.ErrAbortHandler) // a cut answer must not look whole
	}
	a.writeProblem(p, r, internal(r))
}

// reply is the ResponseWriter of one request. It knows what was answered.
type reply struct {
	http.ResponseWriter
	status int    // 0 until the header is written
	id     string // {id} of the path
	step   string // {step} of the path
	caller caller // who sent the request

	request *http.Request
	address *address
	varies  bool // by the origin

	reads   bool    // it changes nothing
	answers *budget // for large answers
	debts   [2]debt // what it holds

	accepts  []string   // Accept-Encoding of the request
	packed   compressor // of the answer, while it is written; nil = it goes as it is
	encoding encoding
}

// Unwrap gives http.ResponseController the connection.
func (p *reply) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// reference is the path to as the client has to be told it.
func (p *reply) reference(to string) string { return p.address.reference(p.request, to) }

// WriteHeader remembers the status.
func (p *reply) WriteHeader(status int) {
	if p.status == 0 {
		p.status = status
		if p.varies {
			p.Header().Add("Vary", "Origin")
		}
		p.compress(status)
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *reply) Write(b []byte) (int, error) {
	if p.status == 0 {
		p.WriteHeader(http.StatusOK)
	}
	if p.packed != nil {
		return p.packed.Write(b)
	}
	return p.ResponseWriter.Write(b)
}

// send answers 200 with one body of known length.
func (p *reply) send(contentType []string, body []byte) error {
	if err := p.reserveAnswer(len(body)); err != nil {
		return err
	}
	h := p.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{itoa(int64(len(body)))}
	if len(body) > largeAnswer {
		return p.slowly(func(w io.Writer) error {
			_, err := w.Write(body)
			return err
		})
	}
	_, _ = p.Write(body) // a client that is gone needs no answer
	return nil
}

// sendAs is send with another status of success.
func (p *reply) sendAs(status int, contentType []string, body []byte) error {
	h := p.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{itoa(int64(len(body)))}
	p.WriteHeader(status)
	_, _ = p.Write(body) // a client that is gone needs no answer
	return nil
}

// largeAnswer is what a socket may not take at once, in bytes.
const largeAnswer = 64 << 10

// slowly lets fn write a long answer: the client may take its time, but must take
// something every 30 s. An error of writing ends the connection and is nobody's fault.
func (p *reply) slowly(fn func(io.Writer) error) error {
	w := rolling{ResponseWriter: p, control: http.NewResponseController(p.ResponseWriter)}
	_ = w.control.SetReadDeadline(time.Time{}) // the server's is for the request
	defer func() { _ = w.control.SetWriteDeadline(time.Time{}) }()
	err := fn(w)
	if err != nil && p.status != 0 {
		panic(http.ErrAbortHandler) // the answer is cut; it must not look whole
	}
	return err
}

// rolling gives each write a deadline, which ends with the write: over HTTP/2 the answer
// would be reset while the next part of it is being made.
type rolling struct {
	http.ResponseWriter
	control *http.ResponseController
}

// writeChunk is how much may be written within one deadline, in bytes.
const writeChunk = 1 << 20

func (w rolling) Write(b []byte) (int, error) {
	var done int
	for {
		_ = w.control.SetWriteDeadline(time.Now().Add(patience))
		n, err := w.ResponseWriter.Write(b[done:min(len(b), done+writeChunk)])
		done += n
		if err == nil && done == len(b) {
			_ = w.control.SetWriteDeadline(time.Time{})
		}
		if err != nil || done == len(b) {
			return done, err
		}
	}
}

// ReadFrom lets files go by sendfile, a chunk at a time.
func (w rolling) ReadFrom(r io.Reader) (int64, error) {
	under := w.ResponseWriter
	if p, ok := under.(*reply); ok {
		if p.status == 0 {
			p.WriteHeader(http.StatusOK)
		}
		under = p.ResponseWriter
	}
	var done int64
	for {
		_ = w.control.SetWriteDeadline(time.Now().Add(patience))
		n, err := io.CopyN(under, r, writeChunk)
		done += n
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
}

// waiting returns a context that ends with the request, when the caller's token is revoked or expires,
// or when the server stops.
func (a *API) waiting(p *reply, r *http.Request) (context.Context, context.CancelFunc) {
	during, end := p.caller.during(r.Context())
	ctx, cancel := context.WithCancel(during)
	stop := context.AfterFunc(a.stopping, cancel)
	return ctx, func() { stop(); cancel(); end() }
}

// buffers are byte slices that live for one request.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

// keepBuffer is the largest buffer that goes back to the pool, in bytes.
const keepBuffer = 1 << 20

func borrow() *[]byte { return buffers.Get().(*[]byte) }

func giveBack(b *[]byte) {
	if cap(*b) <= keepBuffer {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
