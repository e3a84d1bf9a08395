package image

import (
	"context"
	"errors"
	"image"

	"daybook/handler/image/codec"
)

// Code points of ITU-T H.273.
const (
	sRGBPrimaries = 1
	unspecified   = 2
	transferPQ    = 16
	transferHLG   = 18
)

// hasColours reports whether the picture names a colour space other than sRGB.
func (s *source) hasColours() bool {
	return s.profile != nil || s.primaries != 0 && s.primaries != sRGBPrimaries && s.primaries != unspecified || s.isHDR()
}

// isHDR reports whether the picture can be brighter than white (HDR).
func (s *source) isHDR() bool {
	return s.profile == nil && (s.transfer == transferPQ || s.transfer == transferHLG)
}

// toSRGB converts pixels of the picture to sRGB, in place, and says what that lost.
func (s *source) toSRGB(ctx context.Context, m *image.RGBA) (note string, err error) {
	switch {
	case !s.hasColours():
		return "", nil
	case s.isHDR():
		return "its brightness is HDR, which is not converted: it may look flat", nil
	}
	var colours *codec.Colours
	pixels := m.Rect.Dx() * m.Rect.Dy()
	if s.profile != nil {
		colours, err = codec.ColoursOfProfile(ctx, s.profile, pixels)
	} else {
		colours, err = codec.ColoursOfCodes(ctx, s.primaries, s.transfer, pixels)
	}
	if _, ok := errors.AsType[codec.Refusal](err); ok {
		return "its colour profile cannot be used: colours are taken as sRGB", nil
	}
	if colours == nil || err != nil {
		return "", err
	}
	defer colours.Close()
	for y := range m.Rect.Dy() {
		if err := colours.Convert(m.Pix[y*m.Stride:][:4*m.Rect.Dx()]); err != nil {
			return "", err
		}
	}
	return "", nil
}
