package image

import (
	"fmt"
	"image"
	"math"
)

// fitting is how a picture is brought into a box.
type fitting struct {
	box     image.Point
	fit     string // contain, cover or stretch
	enlarge bool   // false: a picture that is smaller than the box is not made larger
}

// area is a part of a picture, whose edges may lie between pixels: the centre of pixel 0 is at 0.5.
type area struct{ x, y, w, h float64 }

func wholeOf(size image.Point) area { return area{0, 0, float64(size.X), float64(size.Y)} }

// shrunk is the same part of the picture at a fraction of its size.
func (a area) shrunk(by int) area {
	n := float64(by)
	return area{a.x / n, a.y / n, a.w / n, a.h / n}
}

// pixels is the corner of an area that is made of whole pixels as many as size; ok = false if it
// is not.
func (a area) pixels(size image.Point) (corner image.Point, ok bool) {
	corner = image.Pt(int(a.x), int(a.y))
	return corner, a == area{float64(corner.X), float64(corner.Y), float64(size.X), float64(size.Y)}
}

// apply gives the part of a picture of that size that is used, and the size it is brought to.
func (f fitting) apply(size image.Point) (part area, result image.Point) {
	whole := wholeOf(size)
	wide, high := float64(f.box.X)/whole.w, float64(f.box.Y)/whole.h
	switch f.fit {
	case "stretch":
		if f.enlarge {
			return whole, f.box
		}
		return whole, image.Pt(min(f.box.X, size.X), min(f.box.Y, size.Y))
	case "cover":
		scale := math.Max(wide, high)
		if scale > 1 && !f.enlarge {
			box := image.Pt(pixels(float64(f.box.X)/scale), pixels(float64(f.box.Y)/scale))
			return cut(size, box), box
		}
		if scale == 1 {
			return cut(size, f.box), f.box
		}
		// The exact middle: an edge may fall within a pixel.
		part = area{w: math.Min(float64(f.box.X)/scale, whole.w), h: math.Min(float64(f.box.Y)/scale, whole.h)}
		part.x, part.y = (whole.w-part.w)/2, (whole.h-part.h)/2
		return part, f.box
	default: // contain
		scale := math.Min(wide, high)
		if scale > 1 && !f.enlarge {
			return whole, size
		}
		return whole, image.Pt(pixels(whole.w*scale), pixels(whole.h*scale))
	}
}

// cut is the middle of a picture at its own size: whole pixels, so that nothing is blurred.
func cut(size, box image.Point) area {
	corner := size.Sub(box).Div(2)
	return area{float64(corner.X), float64(corner.Y), float64(box.X), float64(box.Y)}
}

// turned is the fitting for a picture that will be turned afterwards.
func (f fitting) turned(t turn) fitting {
	f.box = t.size(f.box)
	return f
}

// pixels rounds a length; it is never zero.
func pixels(length float64) int { return max(int(math.Round(length)), 1) }

// parseSize reads "800x600".
func parseSize(text string) (image.Point, error) {
	var p image.Point
	if _, err := fmt.Sscanf(text, "%dx%d", &p.X, &p.Y); err != nil {
		return p, fmt.Errorf("%q is not a size such as 800x600", text)
	}
	return p, nil
}

// sizeText writes "800x600".
func sizeText(p image.Point) string { return fmt.Sprintf("%dx%d", p.X, p.Y) }
