package curve

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func series(grow func(float64) float64) Series {
	s := Series{Name: "s"}
	for n := 1000.0; n <= 1e7; n *= math.Sqrt(10) {
		s.Points = append(s.Points, Point{n, grow(n)})
	}
	return s
}

func TestOnlyWhatGrowsFasterThanNLogNBends(t *testing.T) {
	for name, c := range map[string]struct {
		grow  func(float64) float64
		bends bool
	}{
		"constant":   {func(float64) float64 { return 3 }, false},
		"log n":      {math.Log, false},
		"n":          {func(n float64) float64 { return n }, false},
		"n log n":    {nLogN, false},
		"n^1.2":      {func(n float64) float64 { return math.Pow(n, 1.2) }, true},
		"n squared":  {func(n float64) float64 { return n * n }, true},
		"n log^3 n":  {func(n float64) float64 { return n * math.Pow(math.Log(n), 3) }, true},
		"falls":      {func(n float64) float64 { return 1 / n }, false},
		"late bend":  {func(n float64) float64 { return n + n*n/1e7 }, true},
		"flat, step": {func(n float64) float64 { return 1 + math.Floor(n/1e6)*20 }, true},
	} {
		if got := series(c.grow).Bends(0.05); (len(got) > 0) != c.bends {
			t.Errorf("%s: %+v", name, got)
		}
	}
	b := Series{Points: []Point{{10, 1}, {1000, 10_000}}}.Bends(0)
	if len(b) != 1 || math.Abs(b[0].Slope-2) > 1e-9 || b[0].Limit <= 1 || b[0].Limit > 1.3 {
		t.Errorf("%+v", b)
	}
	if s := series(func(n float64) float64 { return n }).Slope(); math.Abs(s-1) > 1e-9 {
		t.Error(s)
	}
}

func example() *Set {
	s := &Set{Machine: "2 × Some <Processor>", Commit: "abc", Command: "make bench-curves MAX=1000"}
	f := Figure{Name: "submit", Title: "Submit & run", X: "tasks", YUnit: Seconds, Settings: strings.Repeat("many words ", 30)}
	for n := 1000.0; n <= 1e6; n *= 10 {
		f.Add("one by one", n, n*2e-5)
		f.Add("by a hundred", n, n*1e-5)
		f.Add("flat", n, 3e-4)
	}
	s.Figures = []Figure{f, {Name: "payload", Title: "Payload", X: "bytes a post", XUnit: Bytes, YUnit: Seconds, Series: []Series{{"one", []Point{{100, 0.5}}}}}}
	return s
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	if err := example().Write(dir); err != nil {
		t.Fatal(err)
	}
	back, err := Read(filepath.Join(dir, "curves.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), back); diff != "" {
		t.Error(diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, "payload.csv"))
	if want := "series,bytes a post,value_s\none,100,0.5\n"; err != nil || string(text) != want {
		t.Errorf("%s, %v", text, err)
	}
}

func TestADrawingIsXMLWithAllThatWasMeasured(t *testing.T) {
	s := example()
	for _, f := range s.Figures {
		var b bytes.Buffer
		if err := s.Draw(&b, f); err != nil {
			t.Fatal(err)
		}
		marks := 0
		for d := xml.NewDecoder(bytes.NewReader(b.Bytes())); ; {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := token.(xml.StartElement); ok && e.Name.Local == "title" {
				marks++
			}
		}
		points := 0
		for _, one := range f.Series {
			points += len(one.Points)
		}
		if marks != points {
			t.Errorf("%d marks for %d points", marks, points)
		}
		for _, want := range []string{"Some &lt;Processor&gt;", "make bench-curves MAX=1000", "prefers-color-scheme:dark", "n log n"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s does not have %q", f.Name, want)
			}
		}
		if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
			t.Errorf("%s has places that are none", f.Name)
		}
	}
	for _, bad := range []Point{{0, 1}, {1, 0}, {1, math.NaN()}, {math.Inf(1), 1}} {
		if s.Draw(io.Discard, Figure{Series: []Series{{"s", []Point{bad}}}}) == nil {
			t.Errorf("%v is drawn", bad)
		}
	}
}

func TestTheDrawingsInTheDocsAreOfTheirData(t *testing.T) {
	const docs = "../../docs/curves"
	s, err := Read(filepath.Join(docs, "curves.json"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there are none yet: make bench-curves")
	}
	if err != nil {
		t.Fatal(err)
	}
	again := t.TempDir()
	if err := s.Write(again); err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Figures {
		for _, name := range []string{f.Name + ".svg", f.Name + ".csv"} {
			want, err := os.ReadFile(filepath.Join(again, name))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(docs, name)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is not what curves.json says: %v", name, err)
			}
		}
	}
}

func TestTicksAreForPeople(t *testing.T) {
	for _, c := range []struct {
		unit   Unit
		decade float64
		want   string
	}{
		{Count, 0, "1"}, {Count, 3, "1k"}, {Count, 7, "10M"}, {Count, -2, "0.01"}, {Bytes, 2, "100 B"}, {Bytes, 6, "1 MB"},
		{Seconds, 0, "1 s"}, {Seconds, 3, "1000 s"}, {Seconds, -1, "100 ms"}, {Seconds, -3, "1 ms"}, {Seconds, -4, "100 µs"}, {Seconds, -9, "1 ns"},
	} {
		if got := c.unit.format(c.decade); got != c.want {
			t.Errorf("10^%v %s is %q, want %q", c.decade, c.unit, got, c.want)
		}
	}
}
