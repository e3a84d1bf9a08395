package handler

import (
	"math"
	"math/rand/v2"
)

// paintRipples draws the rings of a few drops where they meet.
func paintRipples(c canvas, p palette, r *rand.Rand) {
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

// paintJulia draws how fast z² + c runs away from each point.
func paintJulia(c canvas, p palette, r *rand.Rand) {
	const most, far = 90, 64.0
	point := juliaPoints[r.IntN(len(juliaPoints))]
	zoom := 2.3 / c.short()
	sin, cos := math.Sincos(r.Float64() * math.Pi)
	shift := r.Float64()
	for y := range c.height() {
		for x := range c.width() {
			u, v := (float64(x)-float64(c.width())/2)*zoom, (float64(y)-float64(c.height())/2)*zoom
			a, b := u*cos-v*sin, u*sin+v*cos
			a2, b2, n := a*a, b*b, 0
			for ; a2+b2 < far && n < most; n++ {
				a, b = a2-b2+point[0], 2*a*b+point[1]
				a2, b2 = a*a, b*b
			}
			if n == most {
				c.set(x, y, p.at(0.02))
				continue
			}
			steps := float64(n) + 1 - math.Log2(math.Log2(a2+b2)/math.Log2(far))
			t := math.Sqrt(max(steps, 0) / most)
			c.set(x, y, mix(p.around(2.6*t+shift), p.at(0), float32(0.25*(1-t))))
		}
	}
}

// paintAurora draws soft lights that run into each other.
func paintAurora(c canvas, p palette, r *rand.Rand) {
	w, h := float64(c.width()), float64(c.height())
	type light struct {
		x, y float64
		k    rgb
	}
	lights := make([]light, 6)
	for i := range lights {
		lights[i] = light{w * (1.2*r.Float64() - 0.1), h * (1.2*r.Float64() - 0.1), p.at(float64(i) / 5)}
	}
	bend, phase := c.short()*(0.05+0.05*r.Float64()), r.Float64()*6
	sway := make([]float64, c.width()) // how far each column is shifted
	for x := range sway {
		sway[x] = bend * math.Sin(phase+5*float64(x)/w)
	}
	for y := range c.height() {
		lean := bend * math.Sin(phase+7*float64(y)/h)
		for x := range c.width() {
			u, v := float64(x)+lean, float64(y)+sway[x]
			var k rgb
			var sum float32
			for i := range lights {
				l := &lights[i]
				d := square(u-l.x) + square(v-l.y) + 400
				weight := float32(1e9 / (d * math.Sqrt(d)))
				sum += weight
				for j := range k {
					k[j] += weight * l.k[j]
				}
			}
			for j := range k { // a little grain hides the steps between 256 shades
				k[j] = min(max(k[j]/sum+r.Float32()*1.6-0.8, 0), 255)
			}
			c.set(x, y, k)
		}
	}
}
