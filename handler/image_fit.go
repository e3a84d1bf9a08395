package handler

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

// apply gives the part of a picture of that size that is used, and the size it is brought to.
func (f fitting) apply(size image.Point) (part image.Rectangle, result image.Point) {
	whole := image.Rectangle{Max: size}
	wide, high := float64(f.box.X)/float64(size.X), float64(f.box.Y)/float64(size.Y)
	switch f.fit {
	case "stretch":
		if f.enlarge {
			return whole, f.box
		}
		return whole, image.Pt(min(f.box.X, size.X), min(f.box.Y, size.Y))
	case "cover":
		scale, box := math.Max(wide, high), f.box
		if scale > 1 && !f.enlarge {
			box = image.Pt(pixels(float64(box.X)/scale), pixels(float64(box.Y)/scale))
			scale = 1
		}
		used := image.Pt(min(pixels(float64(box.X)/scale), size.X), min(pixels(float64(box.Y)/scale), size.Y))
		corner := size.Sub(used).Div(2)
		return image.Rectangle{Min: corner, Max: corner.Add(used)}, box
	default: // contain
		scale := math.Min(wide, high)
		if scale > 1 && !f.enlarge {
			return whole, size
		}
		return whole, image.Pt(pixels(float64(size.X)*scale), pixels(float64(size.Y)*scale))
	}
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
	return p, checkMeasures(p.X, p.Y)
}

// sizeText writes "800x600".
func sizeText(p image.Point) string { return fmt.Sprintf("%dx%d", p.X, p.Y) }
