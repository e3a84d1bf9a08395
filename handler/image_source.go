package handler

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// pictureFormat is one that can be read.
type pictureFormat struct {
	name   string
	magic  string // how a file begins; ? is any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

// pictureFormats are all. Of a GIF the first frame is read.
var pictureFormats = []pictureFormat{
	{"png", "\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"jpeg", "\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
	{"gif", "GIF8?a", gif.DecodeConfig, gif.Decode},
	{"bmp", "BM????\x00\x00\x00\x00", bmp.DecodeConfig, bmp.Decode},
	{"tiff", "II*\x00", tiff.DecodeConfig, tiff.Decode},
	{"tiff", "MM\x00*", tiff.DecodeConfig, tiff.Decode},
	{"webp", "RIFF????WEBPVP8", webp.DecodeConfig, webp.Decode},
}

// animatedWebP is how a WebP begins that may be animated; then it has bit 1 set in byte 20.
const animatedWebP = "RIFF????WEBPVP8X?????"

var (
	errNoPicture    = errors.New("not a PNG, JPEG, GIF, BMP, TIFF or WebP picture")
	errAnimatedWebP = errors.New("an animated WebP cannot be read")
)

// source is a picture in a file, of which the header has been read.
type source struct {
	file   io.ReadSeeker
	format pictureFormat
	width  int // as stored, before the turn
	height int
	turn   turn // that shows it upright
}

// readHeader finds out what the file is and how large, without decoding it. Its errors are about
// the picture, but for a readFault.
func readHeader(ctx context.Context, file io.ReadSeeker) (*source, error) {
	s := &source{file: file}
	r := &pictureReader{ctx: ctx, file: file}
	head := make([]byte, 21)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, readFault{err}
	}
	for _, f := range pictureFormats {
		if begins(head[:n], f.magic) {
			s.format = f
		}
	}
	if s.format.name == "" {
		return nil, errNoPicture
	}
	if s.format.name == "webp" && begins(head[:n], animatedWebP) && head[20]&2 != 0 {
		return nil, errAnimatedWebP
	}
	config, err := guard(r, s.format.config)
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be read: %w", s.format.name, err)
	}
	s.width, s.height = config.Width, config.Height
	if s.format.name == "jpeg" {
		s.turn, err = guard(r, func(r io.Reader) (turn, error) { return readOrientation(r), nil })
	}
	return s, err
}

// size is that of the upright picture.
func (s *source) size() image.Point { return s.turn.size(image.Pt(s.width, s.height)) }

// decode reads the pixels, as stored, with the upper left corner at (0, 0).
func (s *source) decode(ctx context.Context) (image.Image, error) {
	m, err := guard(&pictureReader{ctx: ctx, file: s.file}, s.format.decode)
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be read: %w", s.format.name, err)
	}
	whole := image.Rect(0, 0, s.width, s.height)
	if m.Bounds() == whole {
		return m, nil
	}
	if !m.Bounds().In(whole) {
		return nil, fmt.Errorf("the %s is damaged: it is larger than its header says", s.format.name)
	}
	canvas := image.NewRGBA(whole) // the first frame of a GIF may leave a margin
	draw.Draw(canvas, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return canvas, nil
}

// readFault is an error of the file, not of the picture in it.
type readFault struct{ error }

func (f readFault) Unwrap() error { return f.error }

// guard calls read at the beginning of the file. A decoder that panics has met a damaged picture.
func guard[T any](r *pictureReader, read func(io.Reader) (T, error)) (value T, err error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return value, readFault{err}
	}
	defer func() {
		if recover() != nil {
			err = errors.New("its decoder gave up")
		}
	}()
	value, err = read(r)
	switch {
	case err != nil && r.fault != nil:
		return value, readFault{r.fault}
	case errors.Is(err, io.EOF):
		return value, io.ErrUnexpectedEOF
	}
	return value, err
}

// begins tells whether head begins as magic says.
func begins(head []byte, magic string) bool {
	if len(head) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != head[i] {
			return false
		}
	}
	return true
}

// pictureReader reads a file for a decoder until ctx ends. One goroutine uses it.
type pictureReader struct {
	ctx   context.Context
	file  io.ReadSeeker
	fault error // of the file or of ctx
}

func (r *pictureReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		r.fault = err
		return 0, err
	}
	n, err := r.file.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.fault = err
	}
	return n, err
}

// ReadAt saves the TIFF decoder from holding the whole file. It moves the place of Read.
func (r *pictureReader) ReadAt(p []byte, offset int64) (int, error) {
	if _, err := r.file.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
