package image

import (
	"context"
	"image"
)

// turn is one of the eight ways to lay a picture down: first its axes are swapped, then it is
// mirrored. The zero value leaves it as it is.
type turn struct {
	transpose    bool
	flipX, flipY bool
}

// turnOfOrientation is what shows a picture of that EXIF orientation (1 … 8) upright; no turn for
// any other number.
func turnOfOrientation(orientation int) turn {
	switch orientation {
	case 2:
		return turn{flipX: true}
	case 3:
		return turn{flipX: true, flipY: true}
	case 4:
		return turn{flipY: true}
	case 5:
		return turn{transpose: true}
	case 6:
		return turn{transpose: true, flipX: true}
	case 7:
		return turn{transpose: true, flipX: true, flipY: true}
	case 8:
		return turn{transpose: true, flipY: true}
	}
	return turn{}
}

// thenRight is t and then as many quarters clockwise.
func (t turn) thenRight(quarters int) turn {
	for range quarters {
		t = turn{transpose: !t.transpose, flipX: !t.flipY, flipY: t.flipX}
	}
	return t
}

// size is that of a picture after the turn.
func (t turn) size(p image.Point) image.Point {
	if t.transpose {
		return image.Pt(p.Y, p.X)
	}
	return p
}

// apply returns the turned picture; src itself if there is nothing to turn.
func (t turn) apply(ctx context.Context, src *image.RGBA) (*image.RGBA, error) {
	if t == (turn{}) {
		return src, nil
	}
	size := t.size(src.Rect.Size())
	dst := image.NewRGBA(image.Rectangle{Max: size})
	// A step to the right in dst is a step of dx bytes in src, a step down one of dy.
	dx, dy, start := 4, src.Stride, 0
	if t.transpose {
		dx, dy = dy, dx
	}
	if t.flipX {
		start += (size.X - 1) * dx
		dx = -dx
	}
	if t.flipY {
		start += (size.Y - 1) * dy
		dy = -dy
	}
	for y := range size.Y {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		row := dst.Pix[y*dst.Stride:][:4*size.X]
		for from := start + y*dy; len(row) > 0; from += dx {
			copy(row[:4], src.Pix[from:from+4])
			row = row[4:]
		}
	}
	return dst, nil
}
