package image

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"image/png"
	"io"
)

// maxProfile is the most bytes that a colour profile may have.
const maxProfile = 16 << 20

// pngHeader is what stands before the pixels of a PNG.
type pngHeader struct {
	width, height       int
	depth, colour       byte // as in the standard: bits of a channel, type of colour
	interlaced          bool
	frames              int // 0 = not animated
	exif, profile       []byte
	primaries, transfer int
}

var errNoPixels = errors.New("it has no pixels")

// readPNG reads the chunks before the pixels, and those that describe the whole picture wherever
// they are.
func readPNG(file io.Reader) (*pngHeader, error) {
	r := bufio.NewReader(file)
	_, _ = r.Discard(8) // signature
	h := &pngHeader{}
	for seen := false; ; {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if seen && (err == io.EOF || err == io.ErrUnexpectedEOF) {
				return h, nil // the decoder says what is missing
			}
			return nil, unexpected(err)
		}
		size, name := int64(binary.BigEndian.Uint32(head[:])), string(head[4:])
		seen = seen || name == "IDAT"
		var data []byte
		if pngChunks[name] && size <= maxProfile {
			data = make([]byte, size)
			if _, err := io.ReadFull(r, data); err != nil {
				return nil, unexpected(err)
			}
			size = 0
		}
		switch err := h.read(name, data); {
		case err != nil:
			return nil, err
		case name == "IEND" && !seen:
			return nil, errNoPixels
		case name == "IEND":
			return h, nil
		}
		if err := discard(r, size+4); err != nil && !seen { // what is cut is the decoder's to tell
			return nil, unexpected(err)
		}
	}
}

// pngChunks are those that are read.
var pngChunks = map[string]bool{"IHDR": true, "eXIf": true, "iCCP": true, "cICP": true, "acTL": true}

func (h *pngHeader) read(name string, data []byte) error {
	switch {
	case name == "IHDR" && len(data) >= 13:
		h.width, h.height = int(binary.BigEndian.Uint32(data)), int(binary.BigEndian.Uint32(data[4:]))
		h.depth, h.colour, h.interlaced = data[8], data[9], data[12] == 1
	case name == "IHDR":
		return io.ErrUnexpectedEOF
	case name == "eXIf":
		h.exif = bytes.TrimPrefix(data, []byte("Exif\x00\x00"))
	case name == "iCCP":
		h.profile = inflateProfile(data)
	case name == "cICP" && len(data) >= 4:
		h.primaries, h.transfer = int(data[0]), int(data[1])
	case name == "acTL" && len(data) >= 4:
		h.frames = int(binary.BigEndian.Uint32(data))
	}
	return nil
}

// inflateProfile unpacks an iCCP chunk; nil if that cannot be done.
func inflateProfile(data []byte) []byte {
	_, packed, _ := bytes.Cut(data, []byte{0})
	if len(packed) < 1 {
		return nil
	}
	r, err := zlib.NewReader(bytes.NewReader(packed[1:]))
	if err != nil {
		return nil
	}
	profile, err := io.ReadAll(io.LimitReader(r, maxProfile+1))
	if err != nil || len(profile) > maxProfile {
		return nil
	}
	return profile
}

// discard skips n bytes.
func discard(r *bufio.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	return err
}

// memory is what image/png takes to decode it: the picture, twice where it is interlaced, for
// then its seven parts are pictures too.
func (h *pngHeader) memory() int64 {
	const grey, palette = 0, 3
	pixel := int64(4)
	if h.colour == grey || h.colour == palette {
		pixel = 1
	}
	if h.depth == 16 {
		pixel = max(2*pixel, 2)
		if h.colour != grey {
			pixel = 8
		}
	}
	bytes := pixel * int64(h.width) * int64(h.height)
	if h.colour == grey {
		bytes *= 4 // with a transparent grey
	}
	if h.interlaced {
		bytes *= 2
	}
	return bytes
}

// openPNG reads the header of a PNG.
func (s *source) openPNG(r *pictureReader) error {
	h, err := guard(r, readPNG)
	if err != nil {
		return err
	}
	s.width, s.height, s.frames = h.width, h.height, max(h.frames, 1)
	s.turn = turnOfOrientation(orientationOf(h.exif))
	s.profile, s.primaries, s.transfer = h.profile, h.primaries, h.transfer
	if h.primaries > 0 {
		s.profile = nil // the later standard counts more
	}
	s.memory = h.memory()
	s.decoder = png.Decode
	return nil
}

// unexpected is an end of the file where there should be more.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
