package api

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	// patience is how long a client may receive nothing of its answer, or send nothing of
	// its body.
	patience = 30 * time.Second
	// leastRate is how fast a body must come on average, in bytes a second, once the
	// client has used up its patience.
	leastRate = 1 << 10
	// smallBody is how much of a body is taken without asking for memory, in bytes.
	smallBody = 16 << 10
	// bodyCost is how many bytes of memory a byte of a body costs until it is answered:
	// as it came, in canonical form, as parameters, and in the answer.
	bodyCost = 4
)

// readBody reads the whole body into buffer, which grows with what arrives and not with
// what the client says will come. More than limit bytes are a 413. What it costs beyond a
// small body counts against the memory for bodies until the request is answered.
func (a *API) readBody(p *reply, r *http.Request, buffer *[]byte, limit int) error {
	return a.readInto(p, r, buffer, limit, bodyCost)
}

// readInto is readBody of a body of which a byte costs so many bytes of memory.
func (a *API) readInto(p *reply, r *http.Request, buffer *[]byte, limit, cost int) error {
	if r.ContentLength > int64(limit) {
		return tooLarge(limit)
	}
	most := limit + 1
	if r.ContentLength >= 0 {
		most = int(r.ContentLength) + 1
	}
	limitRaw(r, int64(limit))
	b := (*buffer)[:0]
	paid, late := smallBody, arriving{r: r.Body}
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, max(min(max(3*len(b), smallBody/4), most-len(b)), 1))
		}
		if len(b) >= paid {
			for len(b) >= paid {
				paid *= 2
			}
			if !p.reserve(&a.bodies, int64(cost*min(paid, limit))) {
				return errNoMemory
			}
		}
		var n int
		var err error
		if len(b) == 0 { // most bodies come with their header: no deadline need be set for them
			n, err = r.Body.Read(b[:cap(b)])
		} else {
			late.begin(p)
			n, err = late.Read(b[len(b):cap(b)])
		}
		b = b[:len(b)+n]
		*buffer = b
		if len(b) > limit {
			return tooLarge(limit)
		}
		if err == io.EOF { //nolint:errorlint // the contract of io.Reader
			return nil
		}
		if err != nil {
			return bodyError(&arrivalError{err})
		}
	}
}

func tooLarge(limit int) *problem {
	return &problem{Status: http.StatusRequestEntityTooLarge, Kind: "too-large",
		Detail: fmt.Sprintf("The body has more than %d bytes. Send less.", limit)}
}

// arriving is a body that must keep arriving: something every 30 s, and in the long run
// leastRate, however long it is.
type arriving struct {
	r       io.Reader
	control *http.ResponseController // nil until begin
	until   time.Time                // when patience ends; what arrives moves it
	set     time.Time                // the deadline, which follows until in steps
}

// arrivalError is an error of reading from the client.
type arrivalError struct{ err error }

func (e *arrivalError) Error() string { return "read body: " + e.err.Error() }
func (e *arrivalError) Unwrap() error { return e.err }

// begin sets the first deadline.
func (b *arriving) begin(p *reply) {
	if b.control == nil {
		b.control, b.until = http.NewResponseController(p.ResponseWriter), time.Now().Add(patience)
	}
}

func (b *arriving) Read(into []byte) (int, error) {
	if b.until.Sub(b.set) > time.Second {
		b.set = b.until
		_ = b.control.SetReadDeadline(b.until)
	}
	n, err := b.r.Read(into)
	now := time.Now()
	if b.until = b.until.Add(time.Duration(n) * time.Second / leastRate); b.until.After(now.Add(patience)) {
		b.until = now.Add(patience)
	}
	if err == io.EOF { //nolint:errorlint // the contract of io.Reader
		_ = b.control.SetReadDeadline(time.Time{}) // storing may take long
	} else if err != nil {
		err = &arrivalError{err} // the deadline stays: the server must not wait for the rest
	}
	return n, err
}

// bodyError says why a body could not be read. An error that is not of reading stays.
func bodyError(err error) error {
	var late *arrivalError
	switch {
	case !errors.As(err, &late):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{Status: http.StatusRequestTimeout, Kind: "body-too-slow",
			Detail: "The body came too slowly. Send it again, at " + itoa(leastRate) + " bytes a second or more."}
	case errors.Is(err, errBomb):
		return &problem{Status: http.StatusRequestEntityTooLarge, Kind: "too-large",
			Detail: "The compressed body becomes more than " + itoa(mostRatio) + " times as large. Send it uncompressed."}
	case errors.Is(err, errRawTooLarge):
		return &problem{Status: http.StatusRequestEntityTooLarge, Kind: "too-large", Detail: "The compressed body is too large. Send less."}
	case errors.Is(err, errNotGzip):
		return invalid("", "the body is not whole gzip data; compress it again, or send it without Content-Encoding")
	}
	return invalid("", "the body could not be read to its end; send it again")
}

// Limits of compressed bodies.
const (
	freeRatio = 64 << 20 // bytes that a body may become whatever it was
	mostRatio = 200      // times that a larger one may grow
	rawSlack  = 64 << 10 // bytes that a compressed body may be longer than what it becomes
)

var (
	errBomb        = errors.New("compressed body grows too much")
	errRawTooLarge = errors.New("compressed body is too large")
	errNotGzip     = errors.New("body is not gzip")
)

// decode replaces the body of a request that has a Content-Encoding by what it becomes.
func decode(p *reply, r *http.Request) error {
	codings := r.Header["Content-Encoding"]
	if len(codings) == 1 {
		switch strings.ToLower(strings.TrimSpace(codings[0])) {
		case "gzip", "x-gzip":
			if r.ContentLength != 0 {
				r.Body = &unzipped{raw: rawBody{r: r.Body, left: 1 << 62}, body: r.Body}
				r.ContentLength = -1
			}
			return nil
		case "", "identity":
			return nil
		}
	}
	p.Header()["Accept-Encoding"] = []string{"gzip"}
	return &problem{Status: http.StatusUnsupportedMediaType, Kind: "unsupported-media-type",
		Detail: "This server takes bodies as they are or compressed with gzip, once. Send it so, and say so in Content-Encoding."}
}

// limitRaw bounds how long the compressed form of a body may be.
func limitRaw(r *http.Request, limit int64) {
	if z, ok := r.Body.(*unzipped); ok {
		z.raw.left = limit + rawSlack
	}
}

// unzipped is what a compressed body becomes.
type unzipped struct {
	raw  rawBody
	body io.Closer
	zip  *gzip.Reader // nil until the first read
	n    int64        // bytes it became
	err  error        // the first one; it stays
}

func (z *unzipped) Read(into []byte) (int, error) {
	if z.err != nil {
		return 0, z.err
	}
	var n int
	var err error
	if z.zip == nil {
		z.zip, err = gzip.NewReader(&z.raw)
	}
	if err == nil {
		n, err = z.zip.Read(into)
		z.n += int64(n)
	}
	switch {
	case z.n > freeRatio && z.n > mostRatio*z.raw.n:
		err = errBomb
	case err != nil && z.raw.err != nil && z.raw.err != io.EOF: //nolint:errorlint // the contract of io.Reader
		err = z.raw.err // the client's, not the format's
	case err != nil && (err != io.EOF || z.zip == nil): //nolint:errorlint // as above
		err = fmt.Errorf("%w: %w", errNotGzip, err)
	}
	z.err = err
	return n, err
}

func (z *unzipped) Close() error { return z.body.Close() }

// rawBody is the compressed form on its way in.
type rawBody struct {
	r    io.Reader
	left int64 // bytes that it may yet have
	n    int64 // bytes read
	err  error // the last one
}

func (b *rawBody) Read(into []byte) (n int, err error) {
	if b.left <= 0 {
		b.err = errRawTooLarge
		return 0, b.err
	}
	n, err = b.r.Read(into[:min(int64(len(into)), b.left)])
	b.n, b.left, b.err = b.n+int64(n), b.left-int64(n), err
	return n, err
}
