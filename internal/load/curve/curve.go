// Package curve keeps what an operation costs over the size of its input, tells where the
// cost grows faster than n log n, and draws it.
package curve

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// Set is what one run of the measurements has found.
type Set struct {
	Machine string   `json:"machine"`
	Commit  string   `json:"commit"`
	Command string   `json:"command"` // repeats the run
	Figures []Figure `json:"figures"`
}

// Figure is one drawing: curves over a common axis.
type Figure struct {
	Name     string   `json:"name"` // of its files
	Title    string   `json:"title"`
	X        string   `json:"x"`      // what the axis counts
	XUnit    Unit     `json:"x_unit"` //
	YUnit    Unit     `json:"y_unit"`
	Settings string   `json:"settings"`
	Series   []Series `json:"series"`
}

// Unit says how values are written.
type Unit string

// The units.
const (
	Count   Unit = ""
	Seconds Unit = "s"
	Bytes   Unit = "B"
)

// Series is one curve. Its points are in ascending order of X; all values are above 0.
type Series struct {
	Name   string  `json:"name"`
	Points []Point `json:"points"`
}

// Point is one measurement.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// Add puts a point at the end of the named series, which is made if it is not there.
func (f *Figure) Add(series string, x, y float64) {
	for i := range f.Series {
		if f.Series[i].Name == series {
			f.Series[i].Points = append(f.Series[i].Points, Point{x, y})
			return
		}
	}
	f.Series = append(f.Series, Series{series, []Point{{x, y}}})
}

// nLogN grows as n log n does; it is above 0 from n = 1 on.
func nLogN(n float64) float64 { return n * math.Log1p(n) }

// Bend is a stretch on which a curve grows faster than n log n.
type Bend struct {
	From, To Point
	Slope    float64 // of the curve, on logarithmic axes
	Limit    float64 // that of n log n there
}

// Bends lists the stretches between neighbouring points whose slope is more than tolerance
// above that of n log n. Measured values have noise, so a tolerance of 0 finds some always.
func (s Series) Bends(tolerance float64) (all []Bend) {
	for i := 1; i < len(s.Points); i++ {
		b := stretch(s.Points[i-1], s.Points[i])
		if b.Slope > b.Limit+tolerance {
			all = append(all, b)
		}
	}
	return all
}

// Slope is that of the whole curve, from its first point to its last; 0 if it has but one.
func (s Series) Slope() float64 {
	if len(s.Points) < 2 {
		return 0
	}
	return stretch(s.Points[0], s.Points[len(s.Points)-1]).Slope
}

func stretch(a, b Point) Bend {
	width := math.Log(b.X / a.X)
	return Bend{From: a, To: b, Slope: math.Log(b.Y/a.Y) / width, Limit: math.Log(nLogN(b.X)/nLogN(a.X)) / width}
}

// Write puts the set into a folder: all of it as curves.json, and each figure as NAME.csv
// and NAME.svg.
func (s *Set) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "curves.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	for _, f := range s.Figures {
		if err := writeTo(filepath.Join(dir, f.Name+".csv"), f.CSV); err != nil {
			return err
		}
		if err := writeTo(filepath.Join(dir, f.Name+".svg"), func(w io.Writer) error { return s.Draw(w, f) }); err != nil {
			return err
		}
	}
	return nil
}

func writeTo(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		_ = file.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return file.Close()
}

// Read reads a set back.
func Read(path string) (*Set, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Set{}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return s, nil
}

// CSV writes the points of the figure, a line each.
func (f Figure) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"series", f.X, "value_" + string(f.YUnit)}}
	for _, s := range f.Series {
		for _, p := range s.Points {
			rows = append(rows, []string{s.Name, number(p.X), number(p.Y)})
		}
	}
	return c.WriteAll(rows)
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
