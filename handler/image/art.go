package image

import (
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
)

// artwork is one kind of picture that the handler can draw.
type artwork struct {
	name   string
	format string // of the file: flat areas as PNG, soft ones as JPEG
	paint  func(c canvas, p *palette, r *rand.Rand)
}

var artworks = []artwork{
	{"contours", "png", paintContours},
	{"ripples", "jpeg", paintRipples},
	{"julia", "jpeg", paintJulia},
	{"aurora", "jpeg", paintAurora},
}

// artSizes are the sizes of drawn pictures, about a megapixel each.
var artSizes = []image.Point{
	{1200, 800}, {1000, 1000}, {1280, 720}, {800, 1200}, {1440, 600}, {1024, 768}, {900, 1125},
}

// drawn is a picture that was drawn, as a file.
type drawn struct {
	name string // "ripples-002.jpg"
	work artwork
	m    *image.RGBA
}

// drawPicture makes the i-th picture of a series, i from 0. The same seed gives the same picture.
func drawPicture(seed int64, i int) drawn {
	r := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
	work := artworks[i%len(artworks)]
	size := artSizes[i%len(artSizes)]
	c := canvas{image.NewRGBA(image.Rectangle{Max: size})}
	work.paint(c, palettes[r.IntN(len(palettes))](), r)
	return drawn{name: fmt.Sprintf("%s-%03d%s", work.name, i+1, extensions[work.format]), work: work, m: c.RGBA}
}

// encode writes the file.
func (d drawn) encode(w io.Writer) error {
	if d.work.format == "png" {
		return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, d.m)
	}
	return jpeg.Encode(w, d.m, &jpeg.Options{Quality: 92})
}

// canvas is an opaque picture to draw on.
type canvas struct{ *image.RGBA }

func (c canvas) width() int  { return c.Rect.Dx() }
func (c canvas) height() int { return c.Rect.Dy() }

// short is the shorter side.
func (c canvas) short() float64 { return float64(min(c.width(), c.height())) }

// set colours a pixel of the canvas.
func (c canvas) set(x, y int, k rgb) {
	p := c.Pix[y*c.Stride+4*x:][:4:4]
	p[0], p[1], p[2], p[3] = uint8(k[0]+0.5), uint8(k[1]+0.5), uint8(k[2]+0.5), 255
}

// rgb is an opaque colour, 0 … 255 a channel.
type rgb [3]float32

// mix is a for t = 0 and b for t = 1.
func mix(a, b rgb, t float32) rgb {
	for i := range a {
		a[i] += (b[i] - a[i]) * t
	}
	return a
}

// palette is a band of colours without a visible step.
type palette [1024]rgb

// at is the colour at t, 0 … 1; t beyond is cut.
func (p *palette) at(t float64) rgb { return p[int(min(max(t, 0), 1)*1023)] }

// around is the colour at t of the band run forth and back without end.
func (p *palette) around(t float64) rgb {
	t -= 2 * math.Floor(t/2)
	if t > 1 {
		t = 2 - t
	}
	return p[int(t*1023)]
}

// newPalette makes the band from dark to light. Between two colours it mixes light, not numbers.
func newPalette(colours ...uint32) func() *palette {
	return func() *palette {
		p := new(palette)
		for i := range p {
			t := float64(i) / float64(len(p)) * float64(len(colours)-1)
			a, b, t := colours[int(t)], colours[int(t)+1], t-math.Floor(t)
			for c := range 3 {
				x, y := float64(a>>(16-8*c)&255), float64(b>>(16-8*c)&255)
				p[i][c] = float32(math.Sqrt(x*x + (y*y-x*x)*t))
			}
		}
		return p
	}
}

// palettes to draw with, each from dark to light.
var palettes = []func() *palette{
	newPalette(0x0b132b, 0x1c2541, 0x3a506b, 0x5bc0be, 0xf2f7f2), // lagoon
	newPalette(0x1a0b2e, 0x4b1d52, 0x9d2b4f, 0xe8683f, 0xf9c784), // ember
	newPalette(0x10291f, 0x1f5a43, 0x5a9e6f, 0xc3d98b, 0xfdf6d8), // fern
	newPalette(0x13213d, 0x2f4b7c, 0x8a6fa8, 0xf095a3, 0xffe3d1), // dusk
	newPalette(0x20130f, 0x6b2d1a, 0xc4622d, 0xf0a75c, 0xfbeedc), // clay
	newPalette(0x081f2d, 0x0f4c5c, 0x2e8b8b, 0xe9b872, 0xfaf0dc), // harbour
	newPalette(0x1b1b2f, 0x3d2c8d, 0x916bbf, 0xc996cc, 0xf6ecff), // iris
	newPalette(0x2b0f1d, 0x7a1f3d, 0xd1495b, 0xedae49, 0xfff4d6), // pomegranate
}
