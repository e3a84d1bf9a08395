package api

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Answers are compressed as the client asks for it (RFC 9110, 12.5.3): lists, histories and
// the like while they are written, the page's files once. Event streams never are: each
// message must leave at once. Files are served as they were uploaded.

// leastCompressed is the shortest answer that is worth it, in bytes: below, it fits a packet
// anyway.
const leastCompressed = 1 << 10

// compressible are the types of answers that are compressed while they are written.
var compressible = map[string]bool{contentTypes[asJSON]: true, contentTypes[asNDJSON]: true, contentTypes[asCSV]: true}

// encoding is how an answer is compressed.
type encoding string

const (
	unpacked encoding = ""
	gzipped  encoding = "gzip"
	zstded   encoding = "zstd"
)

// acceptedEncoding is the one of some encodings that Accept-Encoding likes best; of two that it likes as much the
// first.
func acceptedEncoding(lines []string, some ...encoding) encoding {
	if len(lines) == 0 || len(lines) == 1 && lines[0] == "identity" {
		return unpacked
	}
	weight := map[string]float64{}
	for _, one := range strings.Split(strings.Join(lines, ","), ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(one), ";")
		weight[strings.ToLower(strings.TrimSpace(name))] = quality(parameters)
	}
	best, most := unpacked, weight["identity"]
	for _, e := range some {
		w, named := weight[string(e)]
		if !named {
			w = weight["*"]
		}
		if w > 0 && (w > most || best == unpacked && w == most) {
			best, most = e, w
		}
	}
	return best
}

// compressor is what both libraries give.
type compressor interface {
	io.WriteCloser
	Reset(w io.Writer)
}

var compressors = map[encoding]*sync.Pool{
	gzipped: {New: func() any {
		w, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant
		}
		return w
	}},
	zstded: {New: func() any {
		w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(128<<10))
		if err != nil {
			panic(err) // the options are constants
		}
		return w
	}},
}

// compress begins to compress the answer whose header is about to be written, if it is one
// to be compressed.
func (p *reply) compress(status int) {
	h := p.ResponseWriter.Header()
	if status != http.StatusOK || len(h["Content-Type"]) == 0 || !compressible[h["Content-Type"][0]] ||
		h["Content-Encoding"] != nil || h["Etag"] != nil {
		return
	}
	if length := h["Content-Length"]; len(length) > 0 {
		if n, err := strconv.Atoi(length[0]); err == nil && n < leastCompressed {
			return
		}
	}
	h.Add("Vary", "Accept-Encoding")
	e := acceptedEncoding(p.accepts, zstded, gzipped) // zstd costs less
	if e == unpacked {
		return
	}
	h["Content-Encoding"] = []string{string(e)}
	delete(h, "Content-Length")
	p.encoding, p.packed = e, compressors[e].Get().(compressor)
	p.packed.Reset(p.ResponseWriter)
}

// finish writes the rest of a compressed answer. An answer that was cut off is not finished, so
// that it does not look complete.
func (p *reply) finish() {
	if p.packed == nil {
		return
	}
	_ = p.packed.Close() // a client that is gone needs no answer
	compressors[p.encoding].Put(p.packed)
	p.packed = nil
}

// pack is the whole of body, compressed with gzip as well as can be: it is done once. For files of some kilobytes this
// is smaller than zstd at its best, which takes 50 MB for its tables.
func pack(body []byte) []byte {
	var out strings.Builder
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // the level is a constant, and a builder takes all
	}
	return []byte(out.String())
}
