package image

import (
	"errors"
	"fmt"
	"image"
	"strings"

	"daybook/handler/image/codec"
)

func (s *source) openJPEG(r *pictureReader) error { return s.openWith(r, codec.JPEG) }
func (s *source) openTIFF(r *pictureReader) error { return s.openWith(r, codec.TIFF) }
func (s *source) openWebP(r *pictureReader) error { return s.openWith(r, codec.WebP) }
func (s *source) openHEIF(r *pictureReader) error { return s.openWith(r, codec.HEIF) }

// openWith reads the header of a picture that a library decodes.
func (s *source) openWith(r *pictureReader, format codec.Format) error {
	h, err := codec.ReadHeader(r.ctx, format, r, s.bytes)
	if err != nil {
		return s.fault(r, err)
	}
	s.width, s.height, s.frames = h.Width, h.Height, h.Frames
	orientation := h.Orientation
	if orientation == 0 {
		orientation = orientationOf(h.EXIF)
	}
	s.turn = turnOfOrientation(orientation)
	s.profile, s.primaries, s.transfer = h.Profile, h.Primaries, h.Transfer
	s.library, s.memory = format, h.Memory
	return nil
}

// shrinkable are the fractions at which a JPEG can be decoded, the smallest first.
var shrinkable = []int{8, 4, 2}

// shrinkFor is at which fraction the picture is decoded so that the sides of an area of it still
// have twice the length of the result's: what remains to be resampled is the finer half.
func (s *source) shrinkFor(part area, size image.Point) int {
	for _, shrink := range shrinkable {
		if s.library == codec.JPEG && part.w >= float64(2*shrink*size.X) && part.h >= float64(2*shrink*size.Y) {
			return shrink
		}
	}
	return 1
}

// decodeByLibrary reads the pixels at a fraction of the size.
func (s *source) decodeByLibrary(r *pictureReader, shrink int) (image.Image, error) {
	m := image.NewRGBA(image.Rect(0, 0, ceilDiv(s.width, shrink), ceilDiv(s.height, shrink)))
	err := codec.Decode(r.ctx, s.library, r, s.bytes, s.memory, shrink, func(y int, pixels []byte) {
		if y >= 0 && y < m.Rect.Dy() {
			copy(m.Pix[y*m.Stride:], pixels)
		}
	})
	if err != nil {
		return nil, s.fault(r, err)
	}
	return m, nil
}

func ceilDiv(n, by int) int { return (n + by - 1) / by }

// fault tells an error of the file from one of the picture.
func (s *source) fault(r *pictureReader, err error) error {
	if r.ctx.Err() != nil || r.fault != nil {
		return readFault{err}
	}
	return err
}

// missingFeatures are the words with which decoders speak of what they do not read, as opposed to
// what is damaged.
var missingFeatures = []string{"unsupported", "not supported", "not implemented", "not configured", "can not handle", "cannot handle", "precision", "does not know"}

// unreadable says what cannot be read and, where a feature is missing and not a part of the file,
// what reads it.
func (s *source) unreadable(err error) error {
	if _, ok := errors.AsType[readFault](err); ok {
		return err
	}
	text := strings.ToLower(err.Error())
	for _, words := range missingFeatures {
		if strings.Contains(text, words) {
			return fmt.Errorf("the %s cannot be read: %w; convert it first: magick IN -depth 8 OUT.png", s.format, err)
		}
	}
	return fmt.Errorf("the %s cannot be read: %w", s.format, err)
}
