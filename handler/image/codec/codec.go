// Package codec reads pictures with the libraries that define how their formats are read:
// libjpeg-turbo, libtiff, libwebp, libheif with libde265 and libaom, and Little CMS for colour
// profiles. They are compiled to WebAssembly (tools/codecs) and run inside the process without
// access to anything but the bytes of one picture, in memory of a fixed limit. A fault in them
// ends the reading of that picture, nothing else.
package codec

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Format is one that can be read.
type Format string

// The formats.
const (
	JPEG Format = "jpeg"
	TIFF Format = "tiff"
	WebP Format = "webp"
	HEIF Format = "heif" // HEIC and AVIF
)

// ErrMemory: the library needed more memory than its limit.
var ErrMemory = errors.New("it needs more memory than its header lets expect")

// Refusal is why a library does not read a picture, in its own words.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Header is what a picture says of itself before its pixels.
type Header struct {
	Width, Height int    // as Decode gives it
	Orientation   int    // 1 to 8 as in EXIF, to be applied after Decode; 0 = not said
	Frames        int    // at least 1
	Profile       []byte // ICC; nil = none, or Decode applies it
	EXIF          []byte // from its TIFF header on
	Primaries     int    // of ITU-T H.273; 0 = not said
	Transfer      int
	Memory        int64 // bytes that Decode takes, without what its caller keeps of the rows
}

// spare is memory for data, stack, tables and metadata.
const spare = 24 << 20

// modest is with what memory a header is begun to be read: nearly always enough.
const modest = 4 << 20

// HeaderMemory is the most memory that ReadHeader takes, in bytes.
func HeaderMemory(format Format, size int64) int64 {
	if format == WebP { // held as a whole
		return spare + size
	}
	return spare
}

// ReadHeader reads the header of a picture of size bytes. Errors: Refusal, ErrMemory, those of
// file and of ctx.
func ReadHeader(ctx context.Context, format Format, file io.ReaderAt, size int64) (Header, error) {
	i, err := newInstance(ctx, format, modest, HeaderMemory(format, size))
	if err != nil {
		return Header{}, err
	}
	defer i.close()
	return i.open(file, size)
}

// Decode hands the rows of a picture to rows, from above, some at a time, from row y on: RGBA of 8
// bits a channel, premultiplied, in the picture's own colours. pixels are valid until rows returns.
// shrink is 1, or for JPEG 2, 4 or 8: each side is that fraction of its length, rounded up. memory
// is Header.Memory. Errors: those of ReadHeader.
func Decode(ctx context.Context, format Format, file io.ReaderAt, size, memory int64, shrink int, rows func(y int, pixels []byte)) error {
	i, err := newInstance(ctx, format, memory, memory)
	if err != nil {
		return err
	}
	defer i.close()
	h, err := i.open(file, size)
	if err != nil {
		return err
	}
	i.rows, i.stride = rows, 4*((h.Width+shrink-1)/shrink)
	if format == JPEG {
		_, err = i.call("decode_jpeg", uint64(shrink))
	} else {
		_, err = i.call("decode_" + string(format))
	}
	return err
}

// open reads the header, whose layout is struct picture of tools/codecs/host.h.
func (i *instance) open(file io.ReaderAt, size int64) (h Header, err error) {
	i.file = file
	if i.format == JPEG {
		_, err = i.call("open_jpeg")
	} else {
		_, err = i.call("open_"+string(i.format), uint64(size))
	}
	if err != nil {
		return h, err
	}
	at, err := i.call("about")
	if err != nil {
		return h, err
	}
	raw, ok := i.module.Memory().Read(uint32(at), 48)
	if !ok {
		return h, ErrMemory
	}
	n := func(field int) int { return int(binary.LittleEndian.Uint32(raw[4*field:])) }
	h = Header{Width: n(0), Height: n(1), Orientation: n(2), Frames: max(n(3), 1), Primaries: n(8), Transfer: n(9)}
	if n(11) == 0 {
		h.Profile = i.bytes(n(4), n(5))
	}
	h.EXIF = i.bytes(n(6), n(7))
	h.Memory = HeaderMemory(i.format, size) + int64(n(10))<<10
	return h, nil
}

// bytes copies some memory of the module; nil if there is none.
func (i *instance) bytes(at, size int) []byte {
	raw, ok := i.module.Memory().Read(uint32(at), uint32(size))
	if !ok || size == 0 {
		return nil
	}
	return append([]byte(nil), raw...)
}

// Colours converts pixels of one colour space to sRGB. One goroutine uses it. Close it.
type Colours struct {
	i  *instance
	at uint32
}

// ColoursMemory is what Colours take, in bytes.
const ColoursMemory = spare

// pixelsAtOnce is how many pixels are converted in one call.
const pixelsAtOnce = 1 << 16

// exactPixels is how many pixels are converted with full precision, at 0.4 µs each. More are
// converted ten times as fast, with an error of one step of 256 here and there.
const exactPixels = 4_000_000

func exact(pixels int) uint64 {
	if pixels <= exactPixels {
		return 1
	}
	return 0
}

// ColoursOfProfile returns a converter of up to that many pixels from an ICC profile of RGB or grey, nil if
// it is sRGB. Refusal if the profile cannot be used.
func ColoursOfProfile(ctx context.Context, profile []byte, pixels int) (*Colours, error) {
	return newColours(ctx, func(i *instance) (uint64, error) {
		at, err := i.put(profile)
		if err != nil {
			return 0, err
		}
		return i.call("profile", uint64(at), uint64(len(profile)), exact(pixels))
	})
}

// ColoursOfCodes returns a converter of up to that many pixels from the code points of ITU-T H.273, nil if
// they are sRGB. Refusal if they are not known.
func ColoursOfCodes(ctx context.Context, primaries, transfer, pixels int) (*Colours, error) {
	return newColours(ctx, func(i *instance) (uint64, error) {
		return i.call("cicp", uint64(primaries), uint64(transfer), exact(pixels))
	})
}

func newColours(ctx context.Context, load func(*instance) (uint64, error)) (*Colours, error) {
	i, err := newInstance(ctx, JPEG, modest, ColoursMemory)
	if err != nil {
		return nil, err
	}
	kind, err := load(i)
	if err != nil || kind != 2 {
		i.close()
		if err == nil && kind == 0 {
			err = Refusal("the colour profile cannot be used")
		}
		return nil, err
	}
	at, err := i.call("alloc", 4*pixelsAtOnce)
	if err != nil || at == 0 {
		i.close()
		return nil, errors.Join(ErrMemory, err)
	}
	return &Colours{i: i, at: uint32(at)}, nil
}

// Convert converts premultiplied RGBA pixels in place.
func (c *Colours) Convert(pixels []byte) error {
	for len(pixels) > 0 {
		n := min(len(pixels), 4*pixelsAtOnce)
		memory := c.i.module.Memory()
		if !memory.Write(c.at, pixels[:n]) {
			return ErrMemory
		}
		if _, err := c.i.call("convert", uint64(c.at), uint64(n/4)); err != nil {
			return err
		}
		converted, _ := memory.Read(c.at, uint32(n))
		pixels = pixels[copy(pixels, converted):]
	}
	return nil
}

// Close frees the memory.
func (c *Colours) Close() { c.i.close() }

// put copies data into the module.
func (i *instance) put(data []byte) (at uint32, err error) {
	p, err := i.call("alloc", uint64(len(data)))
	if err != nil {
		return 0, err
	}
	if p == 0 || !i.module.Memory().Write(uint32(p), data) {
		return 0, fmt.Errorf("%d bytes of metadata: %w", len(data), ErrMemory)
	}
	return uint32(p), nil
}
