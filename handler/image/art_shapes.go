package image

import (
	"math"
	"math/rand/v2"
)

// paintDunes draws ridges in the mist below a low sun.
func paintDunes(c canvas, p *palette, r *rand.Rand) {
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
	ramp := make([]rgb, int(4.5*rise)+1) // by depth
	for i := range ramp {
		ramp[i] = mix(k, mist, 0.55*float32(i)/float32(len(ramp)))
	}
	for y := max(int(y-3*rise), 0); y < c.height(); y++ {
		for x := range crest {
			deep := float64(y) - crest[x] + 1
			if deep <= 0 {
				continue
			}
			if deep < 1 {
				c.blend(x, y, k, float32(deep))
			} else {
				c.set(x, y, ramp[min(int(deep), len(ramp)-1)])
			}
		}
	}
}

func square(x float64) float64 { return x * x }

// pane is one cell of stained glass.
type pane struct {
	x, y float32
	k    rgb
}

// paintGlass draws panes of coloured glass in lead: the cells of random points (Voronoi), one
// point in each square of a grid, so that nine are candidates for a pixel.
func paintGlass(c canvas, p *palette, r *rand.Rand) {
	cell := c.short() / (7 + 5*r.Float64())
	across, down := int(float64(c.width())/cell)+4, int(float64(c.height())/cell)+4
	panes := make([]pane, across*down)
	for i := range panes {
		x, y := float64(i%across-1), float64(i/across-1)
		along := (x/float64(across) + y/float64(down)) / 2
		panes[i] = pane{
			x: float32((x + 0.1 + 0.8*r.Float64()) * cell), y: float32((y + 0.1 + 0.8*r.Float64()) * cell),
			k: p.at(0.12 + 0.65*along + 0.55*(r.Float64()-0.35)),
		}
	}
	lead := p.at(0)
	var around [9]pane
	for y := range c.height() {
		row, column := int(float64(y)/cell)*across, -1
		for x := range c.width() {
			if at := int(float64(x) / cell); at != column {
				column = at
				for j := range 3 {
					copy(around[3*j:], panes[row+j*across+at:][:3])
				}
			}
			c.set(x, y, glass(&around, float32(x), float32(y), float32(cell), lead))
		}
	}
}

// glass colours a pixel by its nearest pane, and by lead where another is as near.
func glass(around *[9]pane, x, y, cell float32, lead rgb) rgb {
	best, second, nearest := float32(math.MaxFloat32), float32(math.MaxFloat32), 0
	for i := range around {
		dx, dy := x-around[i].x, y-around[i].y
		d := dx*dx + dy*dy
		if d < best {
			best, second, nearest = d, best, i
		} else if d < second {
			second = d
		}
	}
	d := float32(math.Sqrt(float64(best)))
	k := mix(around[nearest].k, rgb{255, 255, 255}, 0.30*max(1-d/cell*1.3, 0))
	edge := (float32(math.Sqrt(float64(second))) - d) / (0.055 * cell)
	return mix(lead, k, smooth(min(max(edge-0.25, 0), 1)))
}

// paintBubbles packs discs, large ones first, so that none touches another.
func paintBubbles(c canvas, p *palette, r *rand.Rand) {
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
			d.radius = min(d.radius, math.Sqrt(square(d.x-other.x)+square(d.y-other.y))-other.radius-2)
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
