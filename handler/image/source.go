package image

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"io"

	"daybook/handler/image/codec"

	"golang.org/x/image/bmp"
)

// pictureFormat is one that can be read.
type pictureFormat struct {
	name  string
	magic string // how a file begins; ? is any byte
	open  func(s *source, r *pictureReader) error
}

// pictureFormats are all formats that can be read.
var pictureFormats = []pictureFormat{
	{"png", "\x89PNG\r\n\x1a\n", (*source).openPNG},
	{"jpeg", "\xff\xd8\xff", (*source).openJPEG},
	{"gif", "GIF8?a", (*source).openGIF},
	{"bmp", "BM????\x00\x00\x00\x00", (*source).openBMP},
	{"tiff", "II*\x00", (*source).openTIFF},
	{"tiff", "MM\x00*", (*source).openTIFF},
	{"tiff", "II+\x00", (*source).openTIFF}, // BigTIFF
	{"tiff", "MM\x00+", (*source).openTIFF},
	{"webp", "RIFF????WEBPVP8", (*source).openWebP},
	{"avif", "????ftypavi", (*source).openHEIF},
	{"heic", "????ftyphe", (*source).openHEIF},
	{"heic", "????ftypmif1", (*source).openHEIF},
	{"heic", "????ftypmsf1", (*source).openHEIF},
}

// otherFormats are recognised but not read; tool converts them to PNG.
var otherFormats = []struct{ name, magic, tool string }{
	{"a JPEG XL picture", "\xff\x0a", "djxl IN OUT.png"},
	{"a JPEG XL picture", "\x00\x00\x00\x0cJXL ", "djxl IN OUT.png"},
	{"a JPEG 2000 picture", "\x00\x00\x00\x0cjP  ", "magick IN OUT.png"},
	{"a JPEG 2000 picture", "\xff\x4f\xff\x51", "magick IN OUT.png"},
	{"a raw photo of a camera (CR3)", "????ftypcrx", "darktable-cli IN OUT.png"},
	{"a video", "????ftyp", "ffmpeg -i IN -frames:v 1 OUT.png"},
	{"a Photoshop document", "8BPS", "magick IN[0] OUT.png"},
	{"a PDF document", "%PDF", "pdftoppm -png IN OUT"},
	{"an SVG drawing", "<svg", "rsvg-convert IN -o OUT.png"},
	{"an SVG drawing", "<?xml", "rsvg-convert IN -o OUT.png"},
	{"an icon", "\x00\x00\x01\x00", "magick IN OUT.png"},
	{"an OpenEXR picture", "\x76\x2f\x31\x01", "magick IN OUT.png"},
	{"a Radiance picture", "#?RADIANCE", "magick IN OUT.png"},
	{"a QOI picture", "qoif", "magick IN OUT.png"},
}

// formatNames is what can be read, for people.
const formatNames = "PNG, JPEG, GIF, BMP, TIFF, WebP, HEIC or AVIF"

// source is a picture in a file, of which the header has been read.
type source struct {
	file   io.ReadSeeker
	bytes  int64 // of file
	format string
	width  int // as stored, before the turn
	height int
	turn   turn // that shows it upright
	frames int  // or pages, or pictures

	profile             []byte // ICC; nil = none, or the decoder applies it
	primaries, transfer int    // of ITU-T H.273; 0 = not said

	memory  int64        // bytes that decoding takes; with the pixels where there is no library
	library codec.Format // that decodes it; "" = decoder does
	decoder func(io.Reader) (image.Image, error)
}

// formatOf finds out what the file is. Its error is about the picture, unless it is a readFault.
func formatOf(r *pictureReader) (pictureFormat, error) {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return pictureFormat{}, readFault{err}
	}
	head := make([]byte, 16)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return pictureFormat{}, readFault{err}
	}
	for _, f := range pictureFormats {
		if begins(head[:n], f.magic) {
			return f, nil
		}
	}
	for _, f := range otherFormats {
		if begins(head[:n], f.magic) {
			return pictureFormat{}, fmt.Errorf("%s cannot be read, only %s; convert it first: %s", f.name, formatNames, f.tool)
		}
	}
	return pictureFormat{}, errNoPicture
}

var errNoPicture = errors.New("not a picture that can be read: it is no " + formatNames)

// readHeader finds out what the file is and how large, without decoding it. Its errors are about
// the picture, except a readFault and those of the budget.
func readHeader(ctx context.Context, file io.ReadSeeker, bytes int64, budget *memoryBudget) (*source, error) {
	r := &pictureReader{ctx: ctx, file: file}
	f, err := formatOf(r)
	if err != nil {
		return nil, err
	}
	s := &source{file: file, bytes: bytes, format: f.name, frames: 1}
	release, err := budget.acquire(ctx, codec.HeaderMemory(codec.Format(f.name), bytes))
	if err != nil {
		return nil, err
	}
	defer release()
	if err := f.open(s, r); err != nil {
		return nil, s.unreadable(err)
	}
	return s, nil
}

// size is that of the upright picture.
func (s *source) size() image.Point { return s.turn.size(image.Pt(s.width, s.height)) }

// decode reads the pixels, as stored, at a fraction of the size, with the upper left corner at (0, 0).
func (s *source) decode(ctx context.Context, shrink int) (m image.Image, err error) {
	r := &pictureReader{ctx: ctx, file: s.file}
	if s.library != "" {
		m, err = s.decodeByLibrary(r, shrink)
	} else {
		m, err = guard(r, s.decoder)
	}
	if err != nil {
		return nil, s.unreadable(err)
	}
	whole := image.Rect(0, 0, s.width, s.height)
	if s.library != "" || m.Bounds() == whole {
		return m, nil
	}
	if !m.Bounds().In(whole) && s.format != "gif" {
		return nil, fmt.Errorf("the %s is damaged: it is larger than its header says", s.format)
	}
	canvas := image.NewRGBA(whole) // the first frame of a GIF may leave a margin, and go beyond, which is not shown
	draw.Draw(canvas, m.Bounds(), m, m.Bounds().Min, draw.Src)
	return canvas, nil
}

// memoryFor is what decoding at a fraction of the size takes with the decoded picture, in bytes.
func (s *source) memoryFor(shrink int) int64 {
	if s.library == "" {
		return s.memory
	}
	return s.memory + 4*int64(ceilDiv(s.width, shrink))*int64(ceilDiv(s.height, shrink))
}

// openBMP reads the header of a BMP.
func (s *source) openBMP(r *pictureReader) error {
	config, err := guard(r, bmp.DecodeConfig)
	if err != nil {
		return err
	}
	s.width, s.height = config.Width, config.Height
	s.memory = 4 * int64(s.width) * int64(s.height)
	s.decoder = bmp.Decode
	return nil
}

// readFault is an error of the file, not of the picture in it.
type readFault struct{ error }

func (f readFault) Unwrap() error { return f.error }

// guard calls read at the beginning of the file. A panic of the decoder means that the picture is damaged.
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

// begins reports whether head begins as magic says.
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

// ReadAt is for a decoder that seeks. It moves the position of Read.
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
