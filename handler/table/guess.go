package table

import (
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

const (
	windows1252 = "windows-1252"
	lookahead   = 16 << 10 // bytes from the first that is not ASCII on that decide
)

// guess reads text that is UTF-8 or Windows-1252, of which ISO 8859-1 is a part. They
// begin to differ at the first byte that is not ASCII, and there it decides. Bytes in
// UTF-8 that are not are taken for Windows-1252.
type guess struct {
	r       io.Reader
	buf     []byte // read; its first done bytes were given out
	done    int
	ready   int // bytes of buf that may be given out
	fixed   []byte
	err     error
	decided string // "" = not yet
	foreign int64  // bytes that are not UTF-8, once that is decided
}

func (g *guess) Read(p []byte) (int, error) {
	for {
		if len(g.fixed) > 0 {
			n := copy(p, g.fixed)
			g.fixed = g.fixed[n:]
			return n, nil
		}
		if g.done < g.ready {
			n := copy(p, g.buf[g.done:g.ready])
			g.done += n
			return n, nil
		}
		if g.err != nil && g.done == len(g.buf) {
			return 0, g.err
		}
		if err := g.fill(); err != nil {
			return 0, err
		}
	}
}

// fill reads on and works out what of it may be given out.
func (g *guess) fill() error {
	g.buf = g.buf[:copy(g.buf[:cap(g.buf)], g.buf[g.done:])]
	g.done, g.ready = 0, 0
	if g.err == nil {
		if err := g.read(); err != nil {
			return err
		}
	}
	if g.decided == "" {
		ascii := asciiPart(g.buf)
		if ascii > 0 || len(g.buf) == 0 {
			g.ready = ascii
			return nil
		}
		for len(g.buf) < lookahead && g.err == nil {
			if err := g.read(); err != nil {
				return err
			}
		}
		g.decide()
	}
	whole := len(g.buf)
	switch {
	case g.decided == windows1252:
		g.fixed, _ = charmap.Windows1252.NewDecoder().Bytes(g.buf)
		g.done = whole
	default:
		if g.err == nil {
			whole -= cutRune(g.buf)
		}
		if utf8.Valid(g.buf[:whole]) {
			g.ready = whole
			break
		}
		g.fixed = g.fix(g.buf[:whole])
		g.done, g.ready = whole, whole
	}
	return nil
}

// read reads once.
func (g *guess) read() error {
	if len(g.buf) == cap(g.buf) {
		g.buf = append(g.buf, make([]byte, lookahead)...)[:len(g.buf)]
	}
	for range 100 {
		n, err := g.r.Read(g.buf[len(g.buf):cap(g.buf)])
		g.buf = g.buf[:len(g.buf)+n]
		g.err = err
		if n > 0 || err != nil {
			if err != nil && err != io.EOF {
				return err
			}
			return nil
		}
	}
	return io.ErrNoProgress
}

// decide looks at text that begins with a byte that is not ASCII: UTF-8 of some length
// hardly ever comes about by chance.
func (g *guess) decide() {
	good, bad := 0, 0
	text := g.buf
	if g.err == nil {
		text = text[:len(text)-cutRune(text)]
	}
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		switch {
		case c == utf8.RuneError && size == 1:
			bad++
		case size > 1:
			good++
		}
		text = text[size:]
	}
	if g.decided = "utf-8"; bad*2 > good {
		g.decided = windows1252
	}
}

// fix returns the text with the bytes that are not UTF-8 taken for Windows-1252.
func (g *guess) fix(text []byte) []byte {
	var b strings.Builder
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		if c == utf8.RuneError && size == 1 {
			c = charmap.Windows1252.DecodeByte(text[0])
			g.foreign++
		}
		b.WriteRune(c)
		text = text[size:]
	}
	return []byte(b.String())
}

// asciiPart is how many bytes at the start are ASCII.
func asciiPart(b []byte) int {
	const high = 0x8080808080808080
	i := 0
	for ; i+8 <= len(b) && binary.LittleEndian.Uint64(b[i:])&high == 0; i += 8 {
	}
	for ; i < len(b) && b[i] < utf8.RuneSelf; i++ {
	}
	return i
}

// cutRune is how many bytes at the end begin a character and do not end it.
func cutRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// maxName is the most bytes of a column's name.
const maxName = 256

// shown returns at most limit bytes of a value, which is UTF-8, for the report.
func shown(b []byte, limit int) string {
	if len(b) <= limit {
		return string(b)
	}
	for limit > 0 && !utf8.RuneStart(b[limit]) {
		limit--
	}
	return string(b[:limit]) + "…"
}
