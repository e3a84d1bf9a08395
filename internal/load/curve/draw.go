package curve

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// Sizes of a drawing, in its own units.
const (
	width, height = 760, 480
	left, right   = 70, 580 // of the field
	top, bottom   = 56, 360
	lineHeight    = 15
)

// style has the colours of light and of dark surroundings.
const style = `<style>
.ground{fill:#fff}
text{fill:#333;font:12px system-ui,sans-serif}
.title{font-size:16px;font-weight:600}
.foot{fill:#666;font-size:11px}
.grid{stroke:#e4e4e4}
.edge{stroke:#999;fill:none}
.guide{stroke:#aaa;stroke-dasharray:5 4;fill:none}
.guide-name{fill:#888;font-style:italic}
.curve{fill:none;stroke-width:2}
.c0{stroke:#0b62c4}.c1{stroke:#c2410c}.c2{stroke:#15803d}.c3{stroke:#7e22ce}
.mark{stroke-width:1.5;fill:#fff}
@media (prefers-color-scheme:dark){
.ground{fill:#16181d}
text{fill:#d6d6d6}
.foot{fill:#9a9a9a}
.grid{stroke:#2b2f37}
.edge{stroke:#6b7280}
.guide{stroke:#5b6270}
.guide-name{fill:#8b93a1}
.c0{stroke:#6cb2ff}.c1{stroke:#ff9d5c}.c2{stroke:#63d489}.c3{stroke:#c99bff}
.mark{fill:#16181d}
}
</style>
`

// colours is how many classes of curves the style has.
const colours = 4

// axis maps values to places, decade by decade.
type axis struct {
	low, high float64 // decades
	from, to  float64 // places
}

// newAxis spans the decades that hold all values, at least one.
func newAxis(least, most, from, to float64) axis {
	a := axis{math.Floor(math.Log10(least) + 1e-9), math.Ceil(math.Log10(most) - 1e-9), from, to}
	if a.high <= a.low {
		a.high = a.low + 1
	}
	return a
}

func (a axis) at(v float64) float64 {
	return a.from + (math.Log10(v)-a.low)/(a.high-a.low)*(a.to-a.from)
}

// Draw writes the figure as an SVG image: logarithmic axes, a tick a decade, dashed guides
// that grow as n and as n log n do, and below it what was measured where and how.
func (s *Set) Draw(w io.Writer, f Figure) error {
	x, y, err := f.axes()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, html.EscapeString(f.Title))
	b.WriteString(style)
	fmt.Fprintf(&b, `<rect class="ground" width="%d" height="%d"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<clipPath id="field"><rect x="%d" y="%d" width="%d" height="%d"/></clipPath>`+"\n", left, top, right-left, bottom-top)
	text(&b, left, 30, "title", "start", f.Title)
	drawAxes(&b, f, x, y)
	labels := drawGuides(&b, f, x, y)
	for i, one := range f.Series {
		drawSeries(&b, one, i, x, y)
		last := one.Points[len(one.Points)-1]
		labels = append(labels, label{y.at(last.Y), one.Name, "", i})
	}
	drawLabels(&b, labels)
	foot := []string{"Measured: " + f.Settings, "Machine: " + s.Machine + "; commit " + s.Commit, "Command: " + s.Command}
	at := bottom + 52
	for _, line := range foot {
		for _, part := range wrap(line, 118) {
			text(&b, left, float64(at), "foot", "start", part)
			at += lineHeight
		}
	}
	b.WriteString("</svg>\n")
	_, err = w.Write(b.Bytes())
	return err
}

// axes span all points.
func (f Figure) axes() (x, y axis, err error) {
	var xs, ys []float64
	for _, s := range f.Series {
		for _, p := range s.Points {
			if !(p.X > 0) || !(p.Y > 0) || math.IsInf(p.X, 0) || math.IsInf(p.Y, 0) {
				return x, y, fmt.Errorf("%s: %v has no place on logarithmic axes", s.Name, p)
			}
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
		if len(s.Points) == 0 {
			return x, y, fmt.Errorf("%s has no points", s.Name)
		}
	}
	if len(xs) == 0 {
		return x, y, fmt.Errorf("%s has no curves", f.Name)
	}
	return newAxis(slices.Min(xs), slices.Max(xs), left, right), newAxis(slices.Min(ys), slices.Max(ys), bottom, top), nil
}

func text(b *bytes.Buffer, x, y float64, class, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, html.EscapeString(s))
}

func drawAxes(b *bytes.Buffer, f Figure, x, y axis) {
	for d := x.low; d <= x.high; d++ {
		at := x.at(math.Pow(10, d))
		fmt.Fprintf(b, `<path class="grid" d="M%.1f %dV%d"/>`+"\n", at, top, bottom)
		text(b, at, bottom+18, "tick", "middle", f.XUnit.format(d))
	}
	for d := y.low; d <= y.high; d++ {
		at := y.at(math.Pow(10, d))
		fmt.Fprintf(b, `<path class="grid" d="M%d %.1fH%d"/>`+"\n", left, at, right)
		text(b, left-8, at+4, "tick", "end", f.YUnit.format(d))
	}
	fmt.Fprintf(b, `<path class="edge" d="M%d %dV%dH%d"/>`+"\n", left, top, bottom, right)
	text(b, (left+right)/2, bottom+34, "axis", "middle", f.X)
}

// drawGuides draws how cost would grow with n and n log n from where the first curve begins.
func drawGuides(b *bytes.Buffer, f Figure, x, y axis) []label {
	start := f.Series[0].Points[0]
	var labels []label
	for _, guide := range []struct {
		name string
		grow func(float64) float64
	}{{"n", func(n float64) float64 { return n }}, {"n log n", nLogN}} {
		var path strings.Builder
		ended := false
		for i, steps := 0, 60; i <= steps && !ended; i++ {
			n := start.X * math.Pow(math.Pow(10, x.high)/start.X, float64(i)/float64(steps))
			at := y.at(start.Y * guide.grow(n) / guide.grow(start.X))
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], x.at(n), at)
			if ended = at < top; ended { // it leaves the field
				text(b, min(x.at(n), right-24), top-5, "guide-name", map[bool]string{true: "end", false: "start"}[guide.name != "n"], guide.name)
			} else if i == steps {
				labels = append(labels, label{at, guide.name, "guide-name", -1})
			}
		}
		fmt.Fprintf(b, `<path class="guide" clip-path="url(#field)" d="%s"/>`+"\n", &path)
	}
	return labels
}

func drawSeries(b *bytes.Buffer, s Series, i int, x, y axis) {
	var path strings.Builder
	for j, p := range s.Points {
		fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[j == 0], x.at(p.X), y.at(p.Y))
	}
	fmt.Fprintf(b, `<path class="curve c%d" d="%s"/>`+"\n", i%colours, &path)
	for _, p := range s.Points {
		fmt.Fprintf(b, `<path class="mark c%d" d="%s"><title>%s</title></path>`+"\n",
			i%colours, mark(i, x.at(p.X), y.at(p.Y)), html.EscapeString(fmt.Sprintf("%s: %s at %s", s.Name, number(p.Y), number(p.X))))
	}
}

// mark is a small shape, another one for each curve: not all eyes tell colours apart.
func mark(i int, x, y float64) string {
	switch i % colours {
	case 0:
		return fmt.Sprintf("M%.1f %.1fa3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z", x-3.5, y)
	case 1:
		return fmt.Sprintf("M%.1f %.1fh6v6h-6z", x-3, y-3)
	case 2:
		return fmt.Sprintf("M%.1f %.1fl4 7h-8z", x, y-4.5)
	}
	return fmt.Sprintf("M%.1f %.1fl4.5 4.5l-4.5 4.5l-4.5-4.5z", x, y-4.5)
}

// label is the name of a line, beside its end.
type label struct {
	y     float64
	name  string
	class string
	shape int // -1 = none
}

// drawLabels moves names apart that would lie on one another.
func drawLabels(b *bytes.Buffer, labels []label) {
	slices.SortStableFunc(labels, func(p, q label) int { return cmp.Compare(p.y, q.y) })
	for i := range labels {
		labels[i].y = max(labels[i].y, top)
		if i > 0 {
			labels[i].y = max(labels[i].y, labels[i-1].y+lineHeight)
		}
	}
	for i := len(labels) - 1; i >= 0; i-- { // and back, where they went below the field
		limit := float64(bottom)
		if i < len(labels)-1 {
			limit = labels[i+1].y - lineHeight
		}
		labels[i].y = min(labels[i].y, limit)
	}
	for _, l := range labels {
		if l.shape >= 0 {
			fmt.Fprintf(b, `<path class="mark c%d" d="%s"/>`+"\n", l.shape%colours, mark(l.shape, right+14, l.y))
		}
		text(b, right+24, l.y+4, l.class, "start", l.name)
	}
}

// format writes 10^decade.
func (u Unit) format(decade float64) string {
	steps := []string{"", "k", "M", "G", "T"}
	d := int(decade)
	switch {
	case u == Seconds && d < 0:
		i := (-d + 2) / 3
		return whole(d+3*i) + " " + []string{"s", "ms", "µs", "ns", "ps"}[min(i, 4)]
	case u == Seconds:
		return whole(d) + " s"
	case d < 0:
		return number(math.Pow(10, decade))
	}
	i := min(d/3, len(steps)-1)
	text := whole(d - 3*i)
	if u == Bytes {
		return text + " " + steps[i] + "B"
	}
	return text + steps[i]
}

// whole is 10^d for a d from 0 up.
func whole(d int) string { return "1" + strings.Repeat("0", d) }

// wrap cuts a line at spaces so that no part has more than most letters, unless a word has.
func wrap(line string, most int) (parts []string) {
	for _, word := range strings.Fields(line) {
		if n := len(parts); n > 0 && len([]rune(parts[n-1]))+1+len([]rune(word)) <= most {
			parts[n-1] += " " + word
		} else {
			parts = append(parts, word)
		}
	}
	return parts
}
