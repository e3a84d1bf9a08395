package image

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"testing"
)

func TestEveryArtworkFillsItsCanvasWithManyColours(t *testing.T) {
	for i, work := range artworks {
		for _, size := range []image.Point{{640, 200}, {200, 640}} {
			c := canvas{image.NewRGBA(image.Rectangle{Max: size})}
			work.paint(c, palettes[i](), rand.New(rand.NewPCG(7, uint64(i))))
			shades, seeThrough := histogram(c.RGBA)
			if !c.Opaque() || seeThrough || len(shades) < 40 {
				t.Errorf("%s at %v: %d shades, opaque %v", work.name, size, len(shades), c.Opaque())
			}
		}
	}
}

func TestADrawnPictureIsTheSameEachTime(t *testing.T) {
	for i := range artworks {
		a, b := drawPicture(3, i), drawPicture(3, i)
		if a.name != b.name || !bytes.Equal(a.m.Pix, b.m.Pix) {
			t.Errorf("%s and %s differ", a.name, b.name)
		}
		if other := drawPicture(4, i); bytes.Equal(a.m.Pix, other.m.Pix) {
			t.Errorf("another seed draws the same %s", a.name)
		}
	}
}

func BenchmarkDraw800x600(b *testing.B) {
	for _, work := range artworks {
		b.Run(work.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				c := canvas{image.NewRGBA(image.Rect(0, 0, 800, 600))}
				work.paint(c, palettes[i%len(palettes)](), rand.New(rand.NewPCG(1, uint64(i))))
			}
		})
	}
}

func BenchmarkImage(b *testing.B) {
	s := newStudio(b)
	for _, size := range []image.Point{{1600, 1200}, {6000, 4000}} {
		src := quarters(size.X, size.Y, [4]color.NRGBA{red, green, blue, gold})
		id := s.put("large.jpg", jpegOf(b, src))
		b.Run(fmt.Sprint(sizeText(size), " to 800x600"), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.run(b.Context(), map[string]any{"files": []string{id}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
