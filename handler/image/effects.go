package image

import (
	"context"
	"image"
	"math"

	"golang.org/x/image/draw"
)

// grey takes the colour out of a picture, in place, with the weights of JFIF.
func grey(m *image.RGBA) {
	for i := 0; i+4 <= len(m.Pix); i += 4 {
		p := m.Pix[i : i+4 : i+4]
		y := luma(p[0], p[1], p[2])
		p[0], p[1], p[2] = y, y, y
	}
}

func luma(r, g, b uint8) uint8 {
	return uint8((19595*uint32(r) + 38470*uint32(g) + 7471*uint32(b) + 1<<15) >> 16)
}

// directBlur is the widest blur, as standard deviation in pixels, that is made at full size.
const directBlur = 3

// blur softens a picture with a Gaussian whose standard deviation is radius pixels. A wide one is
// made on a smaller copy, where it looks the same.
func blur(ctx context.Context, m *image.RGBA, radius float64) (*image.RGBA, error) {
	size := m.Rect.Size()
	if radius <= directBlur {
		return resample(ctx, m, wholeOf(size), size, gaussian(radius))
	}
	shrink := radius / directBlur * 1.5
	small := image.Pt(pixels(float64(size.X)/shrink), pixels(float64(size.Y)/shrink))
	m, err := resample(ctx, m, wholeOf(size), small, draw.CatmullRom)
	if err != nil {
		return nil, err
	}
	if m, err = resample(ctx, m, wholeOf(small), small, gaussian(radius/shrink)); err != nil {
		return nil, err
	}
	return resample(ctx, m, wholeOf(small), size, draw.CatmullRom)
}

// gaussian is a kernel of that standard deviation.
func gaussian(deviation float64) *draw.Kernel {
	return &draw.Kernel{
		Support: math.Max(3*deviation, 1),
		At:      func(t float64) float64 { return math.Exp(-t * t / (2 * deviation * deviation)) },
	}
}

// flatten lays a picture on white, in place.
func flatten(m *image.RGBA) {
	for i := 0; i+4 <= len(m.Pix); i += 4 {
		p := m.Pix[i : i+4 : i+4]
		white := 255 - p[3]
		p[0], p[1], p[2], p[3] = p[0]+white, p[1]+white, p[2]+white, 255
	}
}
