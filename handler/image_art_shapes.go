package handler

import (
	"math"
	"math/rand/v2"
)

// paintDunes draws ridges in the mist below a low sun.
func paintDunes(c canvas, p palette, r *rand.Rand) {
	w, h := float64(c.width()), float64(c.height())
	sunX, sunY, sun := w*(0.2+0.6*r.Float64()), h*(0.22+0.15*r.Float64()), c.short()*(0.06+0.04*r.Float64())
	for y := range c.height() {
		sky := p.at(0.55 + 0.45*math.Min(float64(y)/(h*0.6), 1))
		for x := range c.width() {
			d := math.Sqrt(square(float64(x)-sunX) + square(float64(y)-sunY))
			glow := float32(0.55 / (1 + square(d/(2.4*sun))))
			k := mix(sky, rgb{255, 250, 235}, glow)
			if edge := sun - d; edge > -1 {
				k = mix(k, rgb{255, 252, 242}, float32(min(edge+1, 1)))
			}
			c.set(x, y, k)
		}
	}
	const ridges = 7
	for i := range ridges {
		near := float64(i) / (ridges - 1)
		paintRidge(c, h*(0.42+0.46*near), h*(0.05+0.06*near), p.at(0.72*(1-near)), p.at(0.9-0.55*near), r)
	}
}

// paintRidge draws one ridge at the height y, with the colour k at its crest and mist at its foot.
func paintRidge(c canvas, y, rise float64, k, mist rgb, r *rand.Rand) {
	var wave [5]struct{ length, phase, high float64 }
	for i := range wave {
		wave[i].length = float64(c.width()) / (0.7 + 1.9*float64(i) + r.Float64())
		wave[i].phase = r.Float64() * 2 * math.Pi
		wave[i].high = rise / (1 + 1.4*float64(i))
	}
	crest := make([]float64, c.width())
	for x := range crest {
		crest[x] = y
		for _, s := range wave {
			crest[x] += s.high * math.Sin(2*math.Pi*float64(x)/s.length+s.phase)
		}
	}
	fade := 4.5 * rise
	for y := max(int(y-3*rise), 0); y < c.height(); y++ {
		for x := range crest {
			deep := float64(y) - crest[x] + 1
			if deep <= 0 {
				continue
			}
			misty := mix(k, mist, 0.55*float32(min(deep/fade, 1)))
			if deep < 1 {
				c.blend(x, y, misty, float32(deep))
			} else {
				c.set(x, y, misty)
			}
		}
	}
}

func square(x float64) float64 { return x * x }

// paintGlass draws panes of coloured glass in lead: the cells of random points (Voronoi).
func paintGlass(c canvas, p palette, r *rand.Rand) {
	cell := c.short() / (7 + 5*r.Float64())
	across, down := int(float64(c.width())/cell)+4, int(float64(c.height())/cell)+4
	type seed struct {
		x, y float64
		k    rgb
	}
	seeds := make([]seed, across*down)
	for i := range seeds {
		x, y := float64(i%across-1), float64(i/across-1)
		along := (x/float64(across) + y/float64(down)) / 2
		seeds[i] = seed{
			x: (x + 0.1 + 0.8*r.Float64()) * cell, y: (y + 0.1 + 0.8*r.Float64()) * cell,
			k: p.at(0.25 + 0.6*along + 0.3*(r.Float64()-0.3)),
		}
	}
	lead := p.at(0)
	for y := range c.height() {
		row := int(float64(y)/cell) * across
		for x := range c.width() {
			column := int(float64(x) / cell)
			best, second := math.MaxFloat64, math.MaxFloat64
			var nearest *seed
			for j := row; j <= row+2*across; j += across {
				for i := j + column; i <= j+column+2; i++ {
					s := &seeds[i]
					d := square(float64(x)-s.x) + square(float64(y)-s.y)
					if d < best {
						best, second, nearest = d, best, s
					} else if d < second {
						second = d
					}
				}
			}
			d := math.Sqrt(best)
			k := mix(nearest.k, rgb{255, 255, 255}, 0.30*float32(max(1-d/cell*1.3, 0)))
			edge := (math.Sqrt(second) - d) / (0.055 * cell)
			c.set(x, y, mix(lead, k, smooth(float32(min(max(edge-0.25, 0), 1)))))
		}
	}
}

// paintBubbles packs discs, large ones first, so that none touches another.
func paintBubbles(c canvas, p palette, r *rand.Rand) {
	w, h := float64(c.width()), float64(c.height())
	for y := range c.height() {
		k := p.at(0.04 + 0.10*float64(y)/h)
		for x := range c.width() {
			c.set(x, y, k)
		}
	}
	type disc struct{ x, y, radius float64 }
	var discs []disc
	largest, smallest := c.short()*0.16, c.short()*0.008
	for range 3000 {
		d := disc{r.Float64() * w, r.Float64() * h, largest}
		for _, other := range discs {
			d.radius = min(d.radius, math.Hypot(d.x-other.x, d.y-other.y)-other.radius-2)
		}
		if d.radius < smallest {
			continue
		}
		d.radius *= 0.6 + 0.4*r.Float64()
		discs = append(discs, d)
		k := p.at(0.3 + 0.4*d.y/h + 0.3*r.Float64())
		c.disc(d.x, d.y, d.radius, k, 1)
		switch r.IntN(3) {
		case 0: // a ring
			c.disc(d.x, d.y, d.radius*0.72, p.at(0.08), 1)
			c.disc(d.x, d.y, d.radius*0.5, k, 1)
		case 1: // light from above
			c.disc(d.x-d.radius*0.2, d.y-d.radius*0.2, d.radius*0.7, rgb{255, 255, 255}, 0.16)
			c.disc(d.x-d.radius*0.3, d.y-d.radius*0.3, d.radius*0.36, rgb{255, 255, 255}, 0.22)
		}
	}
}
