package image

import (
	"cmp"
	"context"
	"image"
	"image/color"
	"slices"
)

// A GIF has 256 colours. They are chosen by median cut over a histogram of the picture with five
// bits a channel, and the error of each pixel is handed on to its neighbours (Floyd and Steinberg,
// 1976).
const (
	gifColours   = 256
	channelBits  = 5
	histogramLen = 1 << (3 * channelBits)
)

// bin is the place of a colour in the histogram.
func bin(r, g, b uint8) int {
	const cut = 8 - channelBits
	return int(r>>cut)<<(2*channelBits) | int(g>>cut)<<channelBits | int(b>>cut)
}

// shade is one place of the histogram that some pixels have: their mean and number.
type shade struct {
	rgb   [3]float64
	count float64
}

// quantize brings a picture down to 256 colours. What is less than half opaque becomes transparent.
func quantize(ctx context.Context, m *image.RGBA) (*image.Paletted, error) {
	shades, seeThrough := histogram(m)
	most := gifColours
	if seeThrough {
		most--
	}
	chosen := medianCut(shades, most)
	palette := make(color.Palette, 0, len(chosen)+1)
	for _, rgb := range chosen {
		palette = append(palette, color.RGBA{rgb[0], rgb[1], rgb[2], 255})
	}
	transparent := len(palette)
	if seeThrough {
		palette = append(palette, color.RGBA{})
	}
	dst := image.NewPaletted(m.Rect, palette)
	d := ditherer{chosen: chosen, nearest: make([]int16, histogramLen)}
	width := m.Rect.Dx()
	d.here, d.below = make([][3]int32, width+2), make([][3]int32, width+2)
	for y := range m.Rect.Dy() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.row(dst.Pix[y*dst.Stride:][:width], m.Pix[y*m.Stride:][:4*width], uint8(transparent))
	}
	return dst, nil
}

// histogram counts the shades of the opaque half of a picture.
func histogram(m *image.RGBA) (shades []shade, seeThrough bool) {
	all := make([]shade, histogramLen)
	for i := 0; i+4 <= len(m.Pix); i += 4 {
		r, g, b, ok := opaquePixel(m.Pix[i:])
		if !ok {
			seeThrough = true
			continue
		}
		s := &all[bin(r, g, b)]
		s.rgb[0] += float64(r)
		s.rgb[1] += float64(g)
		s.rgb[2] += float64(b)
		s.count++
	}
	for _, s := range all {
		if s.count > 0 {
			for c := range s.rgb {
				s.rgb[c] /= s.count
			}
			shades = append(shades, s)
		}
	}
	return shades, seeThrough
}

// opaquePixel takes the colour of a premultiplied pixel, unless it is less than half opaque.
func opaquePixel(p []uint8) (r, g, b uint8, ok bool) {
	switch a := uint32(p[3]); {
	case a == 255:
		return p[0], p[1], p[2], true
	case a < 128:
		return 0, 0, 0, false
	default:
		return uint8(uint32(p[0]) * 255 / a), uint8(uint32(p[1]) * 255 / a), uint8(uint32(p[2]) * 255 / a), true
	}
}

// box is a set of shades that will be one colour.
type box struct {
	shades []shade
	axis   int     // the channel in which it is widest
	weight float64 // how much is lost by not cutting it
}

func newBox(shades []shade) box {
	b := box{shades: shades}
	for c := range 3 {
		low, high, count := 255.0, 0.0, 0.0
		for _, s := range shades {
			low, high, count = min(low, s.rgb[c]), max(high, s.rgb[c]), count+s.count
		}
		if weight := (high - low) * (high - low) * count; weight > b.weight {
			b.axis, b.weight = c, weight
		}
	}
	return b
}

// medianCut returns at most that many colours for the shades, at least one.
func medianCut(shades []shade, most int) (colours [][3]uint8) {
	boxes := []box{newBox(shades)}
	for len(boxes) < most {
		widest := 0
		for i := range boxes {
			if boxes[i].weight > boxes[widest].weight {
				widest = i
			}
		}
		b := boxes[widest]
		if b.weight == 0 {
			break
		}
		at := b.cut()
		boxes[widest] = newBox(b.shades[:at])
		boxes = append(boxes, newBox(b.shades[at:]))
	}
	for _, b := range boxes {
		colours = append(colours, b.mean())
	}
	return colours
}

// cut sorts the shades along the axis and returns where half of the pixels lie on either side.
func (b box) cut() int {
	slices.SortFunc(b.shades, func(x, y shade) int { return cmp.Compare(x.rgb[b.axis], y.rgb[b.axis]) })
	total := 0.0
	for _, s := range b.shades {
		total += s.count
	}
	half := b.shades[0].count
	at := 1
	for at < len(b.shades)-1 && half+b.shades[at].count <= total/2 {
		half += b.shades[at].count
		at++
	}
	return at
}

func (b box) mean() (rgb [3]uint8) {
	for c := range rgb {
		sum, count := 0.0, 0.0
		for _, s := range b.shades {
			sum, count = sum+s.rgb[c]*s.count, count+s.count
		}
		if count > 0 {
			rgb[c] = uint8(sum/count + 0.5)
		}
	}
	return rgb
}

// ditherer gives each pixel its colour and spreads the error.
type ditherer struct {
	chosen      [][3]uint8
	nearest     []int16    // by bin: 1 + index of the nearest colour; 0 = not known yet
	here, below [][3]int32 // errors in sixteenths, of pixel x at x+1
}

func (d *ditherer) row(dst, src []uint8, transparent uint8) {
	for x := range dst {
		r, g, b, ok := opaquePixel(src[4*x:])
		if !ok {
			dst[x] = transparent
			continue
		}
		want := [3]int32{int32(r), int32(g), int32(b)}
		for c := range want {
			want[c] = min(max(want[c]+(d.here[x+1][c]+8)>>4, 0), 255)
		}
		index := d.find(uint8(want[0]), uint8(want[1]), uint8(want[2]))
		dst[x] = uint8(index)
		for c := range want {
			lost := want[c] - int32(d.chosen[index][c])
			d.here[x+2][c] += 7 * lost
			d.below[x][c] += 3 * lost
			d.below[x+1][c] += 5 * lost
			d.below[x+2][c] += lost
		}
	}
	d.here, d.below = d.below, d.here
	clear(d.below)
}

// find is the index of the colour nearest to the middle of the bin.
func (d *ditherer) find(r, g, b uint8) int {
	place := bin(r, g, b)
	if d.nearest[place] > 0 {
		return int(d.nearest[place]) - 1
	}
	const half, mask = 1 << (7 - channelBits), 0xff << (8 - channelBits) & 0xff
	best, least := 0, int32(1<<30)
	for i, c := range d.chosen {
		dr := int32(r&mask|half) - int32(c[0])
		dg := int32(g&mask|half) - int32(c[1])
		db := int32(b&mask|half) - int32(c[2])
		if distance := dr*dr + dg*dg + db*db; distance < least {
			best, least = i, distance
		}
	}
	d.nearest[place] = int16(best + 1)
	return best
}
