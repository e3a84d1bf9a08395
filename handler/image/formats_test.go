package image

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"daybook/handler"
	"daybook/handler/handlertest"

	xdraw "golang.org/x/image/draw"
)

// fixture reads a picture of testdata/pictures. What they show and how they were made is told in
// README.md there.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "pictures", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// wide is the colour in sRGB of a colour whose numbers are meant in another space: linear light,
// the primaries' matrix to sRGB's (both of white D65), and back.
func wide(k color.NRGBA, linear func(float64) float64, matrix [3][3]float64) color.NRGBA {
	in := [3]float64{linear(float64(k.R) / 255), linear(float64(k.G) / 255), linear(float64(k.B) / 255)}
	var out [3]uint8
	for i, row := range matrix {
		v := row[0]*in[0] + row[1]*in[1] + row[2]*in[2]
		v = min(max(v, 0), 1)
		if v <= 0.0031308 {
			v *= 12.92
		} else {
			v = 1.055*math.Pow(v, 1/2.4) - 0.055
		}
		out[i] = uint8(v*255 + 0.5)
	}
	return color.NRGBA{out[0], out[1], out[2], 255}
}

func fromDisplayP3(k color.NRGBA) color.NRGBA {
	return wide(k, func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}, [3][3]float64{{1.2249, -0.2247, 0}, {-0.0420, 1.0419, 0}, {-0.0197, -0.0786, 1.0979}})
}

func fromAdobeRGB(k color.NRGBA) color.NRGBA {
	return wide(k, func(v float64) float64 { return math.Pow(v, 563.0/256) },
		[3][3]float64{{1.3982, -0.3982, 0}, {0, 1, 0}, {0, -0.0429, 1.0429}})
}

func eachColour(k [4]color.NRGBA, f func(color.NRGBA) color.NRGBA) [4]color.NRGBA {
	for i := range k {
		k[i] = f(k[i])
	}
	return k
}

// TestPicturesOfAllKindsAreShownRight reads pictures of four colours, each stored in another way.
func TestPicturesOfAllKindsAreShownRight(t *testing.T) {
	four := [4]color.NRGBA{red, green, blue, gold}
	p3, adobe := eachColour(four, fromDisplayP3), eachColour(four, fromAdobeRGB)
	grey := eachColour(four, greyOf)
	lit := eachColour(grey, func(k color.NRGBA) color.NRGBA { // grey stored with gamma 1.8
		return wide(k, func(v float64) float64 { return math.Pow(v, 1.8) }, [3][3]float64{{1}, {1}, {1}})
	})
	half := eachColour(four, func(k color.NRGBA) color.NRGBA { k.A = 128; return k })
	tests := map[string]struct {
		size string
		want [4]color.NRGBA
		most int
		note string
	}{
		"arithmetic.jpg":             {"96x64", four, 6, ""},
		"arithmetic-progressive.jpg": {"96x64", four, 6, ""},
		"sampling-odd.jpg":           {"96x64", four, 6, ""},
		"sampling-4x1.jpg":           {"96x64", four, 6, ""},
		"sampling-chroma-wide.jpg":   {"96x64", four, 6, ""},
		"cmyk.jpg":                   {"96x64", four, 6, ""},
		"p3.jpg":                     {"96x64", p3, 6, ""},
		"grey-gamma.jpg":             {"96x64", lit, 6, ""},
		"jpeg.tif":                   {"96x64", four, 6, ""},
		"cmyk.tif":                   {"96x64", four, 4, ""},
		"cmyk-16.tif":                {"96x64", four, 4, ""},
		"big.tif":                    {"96x64", four, 0, ""},
		"sixteen.tif":                {"96x64", four, 1, ""},
		"planar.tif":                 {"24x16", four, 1, ""},
		"tiled.tif":                  {"96x64", four, 0, ""},
		"pages.tif":                  {"96x64", four, 0, "only the first of 2 pages is kept"},
		"orientation-6.tif":          {"96x64", four, 0, ""},
		"orientation-6-long.tif":     {"96x64", four, 0, ""},
		"exif-6.png":                 {"96x64", four, 0, ""},
		"adobe-rgb.png":              {"96x64", adobe, 2, ""},
		"lossy.webp":                 {"96x64", four, 8, ""},
		"animated.webp":              {"96x64", four, 1, "only the first of 3 frames is kept"},
		"exif-6.webp":                {"96x64", p3, 2, ""},
		"animated.gif":               {"96x64", four, 2, "only the first of 3 frames is kept"},
		"phone-icc.heic":             {"96x128", p3, 8, ""},
		"phone-nclx.heic":            {"96x128", p3, 8, ""},
		"exif-only.heic":             {"96x64", p3, 8, ""},
		"alpha.avif":                 {"96x64", half, 12, ""},
		"phone.avif":                 {"96x64", p3, 8, ""},
		"p3-10bit.avif":              {"96x64", p3, 8, ""},
		"moving.avif":                {"96x64", four, 8, "only the first of 3 pictures is kept"},
	}
	files, err := filepath.Glob("testdata/pictures/*.*")
	if err != nil || len(files) < len(tests) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	s := newStudio(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s.t = t
			m, _, entry := s.one(fixture(t, name), map[string]any{"operation": "convert", "format": "png"})
			if *entry.NewSize != test.size || *entry.OriginalSize != test.size {
				t.Errorf("%s, of %s, want %s", *entry.NewSize, *entry.OriginalSize, test.size)
			}
			checkCorners(t, m, test.want, test.most)
			if notes := strings.Join(entry.Notes, "; "); notes != test.note {
				t.Errorf("notes %q, want %q", notes, test.note)
			}
		})
	}
}

// The colour of a picture of Adobe RGB, to the last step.
func TestAProfileIsAppliedExactly(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 1, 1))
	copy(m.Pix, []byte{97, 149, 69, 255})
	h, err := readHeader(t.Context(), bytes.NewReader(fixture(t, "adobe-rgb.png")), 0, newMemoryBudget(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.toSRGB(t.Context(), m); err != nil || m.RGBAAt(0, 0) != (color.RGBA{60, 150, 60, 255}) {
		t.Errorf("got %v, %v", m.Pix, err)
	}
}

// A grid is put together without a seam, and no colour is moved.
func TestAPictureOfTilesIsWhole(t *testing.T) {
	s := newStudio(t)
	m, _, entry := s.one(fixture(t, "grid.avif"), map[string]any{"operation": "convert", "format": "png"})
	if *entry.NewSize != "256x192" {
		t.Fatalf("%s", *entry.NewSize)
	}
	for y := range 192 { // a gradient from red to blue
		want := color.NRGBA{uint8(255 - 255*y/191), 0, uint8(255 * y / 191), 255}
		for _, x := range []int{0, 127, 128, 255} {
			if got := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA); !near(got, want, 12) {
				t.Fatalf("pixel %d,%d is %v, want %v", x, y, got, want)
			}
		}
	}
}

func TestWhatCannotBeReadIsNamedWithWhatReadsIt(t *testing.T) {
	twelve := slices.Clone(fixture(t, "p3.jpg"))
	twelve[bytes.Index(twelve, []byte{0xff, 0xc0})+4] = 12 // the precision in the frame header
	tests := map[string]struct{ data, want string }{
		"jxl":            {"\xff\x0a" + strings.Repeat("\x00", 20), "a JPEG XL picture cannot be read, only PNG, JPEG, GIF, BMP, TIFF, WebP, HEIC or AVIF; convert it first: djxl IN OUT.png"},
		"jp2":            {"\x00\x00\x00\x0cjP  \r\n\x87\n" + strings.Repeat("\x00", 20), "a JPEG 2000 picture"},
		"mp4":            {"\x00\x00\x00\x20ftypisom" + strings.Repeat("\x00", 20), "a video"},
		"pdf":            {"%PDF-1.7\n" + strings.Repeat(" ", 20), "pdftoppm"},
		"svg":            {"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"},
		"text":           {"Date;Temp;Hum", "not a picture that can be read"},
		"float":          {string(fixture(t, "float.tif")), "32-bit samples; convert it first: magick IN -depth 8 OUT.png"},
		"12 bit":         {string(twelve), "precision 12; convert it first"},
		"cut heic":       {string(fixture(t, "phone-icc.heic")[:1000]), "the heic cannot be read: "},
		"cut avif":       {string(fixture(t, "phone.avif")[:850]), "the avif cannot be read: "},
		"cut tiff":       {string(fixture(t, "jpeg.tif")[:600]), "the tiff cannot be read: "},
		"cut webp":       {string(fixture(t, "lossy.webp")[:100]), "the webp cannot be read: "},
		"cut arithmetic": {string(fixture(t, "arithmetic.jpg")[:180]), "the jpeg cannot be read: "},
	}
	s := newStudio(t)
	good := s.put("good.png", fixture(t, "exif-6.png"))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			result, err := s.run(t.Context(), map[string]any{"files": []string{s.put(name, []byte(test.data)), good}})
			if err != nil {
				t.Fatal(err)
			}
			entry := result.Images[0]
			if result.ProcessedImages != 1 || entry.Error == nil || !strings.Contains(*entry.Error, test.want) {
				t.Errorf("got %v, want %q", deref(entry.Error), test.want)
			}
		})
	}
}

func deref(text *string) string {
	if text == nil {
		return "no error"
	}
	return *text
}

// TestADamagedPictureIsAnEntryOrAPicture cuts every fixture and flips bits of it.
func TestADamagedPictureIsAnEntryOrAPicture(t *testing.T) {
	names, err := filepath.Glob("testdata/pictures/*.*")
	if err != nil {
		t.Fatal(err)
	}
	budget := newMemoryBudget(200 << 20)
	whole := budget.free
	for _, name := range names {
		data := fixture(t, filepath.Base(name))
		for i := range 4 {
			damaged := slices.Clone(data)
			damaged[(i*len(data)/4+7*i+40)%len(data)] ^= 1 << (i % 8)
			if i == 0 {
				damaged = damaged[:len(data)/2]
			}
			s := newStudio(t)
			h := &Processing{budget: budget}
			params := handlertest.Prepare(t, h, map[string]any{"files": []string{s.put("x", damaged)}, "operation": "thumbnail"})
			_, err := h.Run(t.Context(), handler.Call{Parameters: params, Files: s.files, Report: func(float64, string) {}})
			if err != nil && !handler.IsPermanent(err) {
				t.Errorf("%s damaged in way %d: %v", name, i, err)
			}
		}
	}
	if budget.free != whole {
		t.Errorf("%d of %d bytes are free", budget.free, whole)
	}
}

// The reference is what djpeg of libjpeg-turbo writes.
func TestTheColourOfAJPEGIsInterpolatedAsLibjpegDoes(t *testing.T) {
	s := newStudio(t)
	got, _, _ := s.one(fixture(t, "chroma.jpg"), map[string]any{"operation": "convert", "format": "png"})
	want, _, err := image.Decode(bytes.NewReader(fixture(t, "chroma.reference.png")))
	if err != nil || got.Bounds() != want.Bounds() {
		t.Fatalf("%v, want %v, %v", got.Bounds(), want.Bounds(), err)
	}
	for y := range want.Bounds().Dy() {
		for x := range want.Bounds().Dx() {
			a, b := color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA)
			if !near(a, b, 1) {
				t.Fatalf("pixel %d,%d is %v, want %v", x, y, a, b)
			}
		}
	}
}

// In the middle of a slope, what lies as far to the left as to the right adds up to the same.
func TestCoverCutsTheExactMiddle(t *testing.T) {
	for _, width := range []int{100, 101, 150, 151} {
		slope := image.NewGray(image.Rect(0, 0, width, 40))
		for i := range slope.Pix {
			slope.Pix[i] = uint8(28 + 200*(i%width)/(width-1))
		}
		for _, box := range []image.Point{{20, 20}, {21, 20}, {33, 30}, {60, 60}, {61, 60}} {
			part, size := fitting{box: box, fit: "cover", enlarge: true}.apply(slope.Rect.Size())
			m, err := resample(t.Context(), slope, part, size, xdraw.CatmullRom)
			if err != nil || size != box {
				t.Fatalf("%v: %v, %v", box, size, err)
			}
			row := m.Pix[m.Stride*(size.Y/2):]
			for x := range size.X / 2 {
				sum := int(row[4*x]) + int(row[4*(size.X-1-x)])
				if sum < 253 || sum > 257 {
					t.Errorf("%d wide to %v: columns %d from the edges add up to %d, want 255", width, box, x, sum)
					break
				}
			}
		}
	}
}

// A JPEG that is decoded at a fraction of its size gives what a whole picture gives, but for the soft edges of its colour.
func TestAShrunkJPEGIsLikeTheWholeOne(t *testing.T) {
	src := quarters(700, 490, [4]color.NRGBA{red, green, blue, gold})
	for _, side := range []string{"80x80", "150x150", "340x300"} {
		s := newStudio(t)
		for fit, params := range map[string]map[string]any{"contain": {}, "cover": {"fit": "cover"}} {
			params["target_size"], params["format"] = side, "png"
			got, _, _ := s.one(jpegOf(t, src), params)
			want, _, _ := s.one(pngOf(t, src), params)
			if got.Bounds() != want.Bounds() {
				t.Fatalf("%v, want %v", got.Bounds(), want.Bounds())
			}
			differ := 0
			for y := range want.Bounds().Dy() {
				for x := range want.Bounds().Dx() {
					if !near(color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA), 24) {
						differ++
					}
				}
			}
			if all := want.Bounds().Dx() * want.Bounds().Dy(); differ > all/50 {
				t.Errorf("%s %s: %d of %d pixels differ", side, fit, differ, all)
			}
		}
	}
}
