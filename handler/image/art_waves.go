package image

import (
	"math"
	"math/rand/v2"
)

// paintRipples draws the rings of a few drops where they meet.
func paintRipples(c canvas, p *palette, r *rand.Rand) {
	const period = 1024
	var wave [period]float64
	for i := range wave {
		wave[i] = math.Sin(2 * math.Pi * float64(i) / period)
	}
	type drop struct{ x, y, rings float64 }
	drops := make([]drop, 3)
	for i := range drops {
		drops[i] = drop{
			x: float64(c.width()) * r.Float64(), y: float64(c.height()) * r.Float64(),
			rings: period / (c.short() * (0.05 + 0.05*r.Float64())),
		}
	}
	fade := 1 / (1.1 * c.short())
	for y := range c.height() {
		for x := range c.width() {
			sum := 0.0
			for _, d := range drops {
				far := math.Sqrt(square(float64(x)-d.x) + square(float64(y)-d.y))
				sum += wave[int(far*d.rings)%period] / (1 + 2*far*fade)
			}
			t := 0.5 + 0.27*sum
			k := p.at(t)
			if t > 0.8 { // where crests meet the water glitters
				k = mix(k, rgb{255, 255, 255}, float32(min((t-0.8)*2, 0.5)))
			}
			c.set(x, y, k)
		}
	}
}

// juliaPoints are constants whose Julia sets fill a picture well.
var juliaPoints = [][2]float64{
	{-0.8, 0.156}, {-0.7269, 0.1889}, {0.285, 0.01}, {-0.4, 0.6}, {-0.70176, -0.3842}, {-0.835, -0.2321},
}

// paintJulia draws how fast z² + c runs away from each point. The lower half is the upper one
// turned round.
func paintJulia(c canvas, p *palette, r *rand.Rand) {
	const most, far = 54, 64.0
	// late is how much of the last step was too much, by the upper bits of |z|² above those of far:
	// its exponent and six bits more.
	const lower = 46
	first := math.Float64bits(far) >> lower
	var late [7 << 6]float64
	for i := range late {
		late[i] = math.Log2(math.Log2(math.Float64frombits((first+uint64(i))<<lower)) / math.Log2(far))
	}
	point := juliaPoints[r.IntN(len(juliaPoints))]
	zoom := (2.2 + 0.4*r.Float64()) / c.short()
	sin, cos := math.Sincos(r.Float64() * math.Pi)
	shift := r.Float64()
	w, h := c.width(), c.height()
	for y := range (h + 1) / 2 {
		for x := range w {
			u, v := (float64(x)-float64(w-1)/2)*zoom, (float64(y)-float64(h-1)/2)*zoom
			a, b := u*cos-v*sin, u*sin+v*cos
			a2, b2, n := a*a, b*b, 0
			for ; a2+b2 < far && n < most; n++ {
				a, b = a2-b2+point[0], 2*a*b+point[1]
				a2, b2 = a*a, b*b
			}
			k := p.at(0.03 + 0.4*math.Sqrt(a2+b2)) // a point that stays: by where it is
			if n < most {
				steps := float64(n) + 1 - late[min(int(math.Float64bits(a2+b2)>>lower-first), len(late)-1)]
				t := math.Sqrt(max(steps, 0) / most)
				k = mix(p.at(0), p.around(4.2*t+shift), float32(min(1.25*(1-t)+0.25, 1)))
			}
			c.set(x, y, k)
			c.set(w-1-x, h-1-y, k)
		}
	}
}

// paintAurora draws soft lights that run into each other.
func paintAurora(c canvas, p *palette, r *rand.Rand) {
	w, h := float64(c.width()), float64(c.height())
	type light struct {
		x, y float64
		k    rgb
	}
	lights := make([]light, 7)
	for i := range lights {
		lights[i] = light{w * (1.2*r.Float64() - 0.1), h * (1.2*r.Float64() - 0.1), p.at(float64(i) / 6)}
	}
	bend, phase := c.short()*(0.08+0.08*r.Float64()), r.Float64()*6
	var channels [3]field
	for i := range channels {
		channels[i] = flatField(c)
	}
	for i := range channels[0].heights {
		x, y := channels[0].place(i)
		u, v := x+bend*math.Sin(phase+7*y/h), y+bend*math.Sin(phase+5*x/w)
		var sum float32
		for _, l := range lights {
			d := square(u-l.x) + square(v-l.y) + 400
			weight := float32(1e9 / (d * math.Sqrt(d)))
			sum += weight
			for j := range channels {
				channels[j].heights[i] += weight * l.k[j]
			}
		}
		for j := range channels {
			channels[j].heights[i] /= sum
		}
	}
	for y := range c.height() {
		for x := range c.width() {
			// A little grain hides the steps between 256 shades.
			grain := float32((x*73856093^y*19349663)>>8&255)/170 - 0.75
			var k rgb
			for j := range k {
				k[j] = min(max(float32(channels[j].at(float64(x), float64(y)))+grain, 0), 255)
			}
			c.set(x, y, k)
		}
	}
}

func square(x float64) float64 { return x * x }
