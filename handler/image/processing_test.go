package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"strings"
	"testing"

	"daybook/files"
	"daybook/handler"
	"daybook/handler/handlertest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/image/bmp"
	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/tiff"
)

// studio runs IMAGE_PROCESSING on pictures that a test makes.
type studio struct {
	t     testing.TB
	files *files.Store
}

func newStudio(t testing.TB) *studio { return &studio{t: t, files: handlertest.Store(t)} }

// put keeps a file and returns its id.
func (s *studio) put(name string, data []byte) string {
	s.t.Helper()
	info, err := s.files.Put(s.t.Context(), name, "", bytes.NewReader(data), 1<<30)
	if err != nil {
		s.t.Fatal(err)
	}
	return info.ID
}

func (s *studio) run(ctx context.Context, params map[string]any) (batchResult, error) {
	s.t.Helper()
	h := New()
	result, err := h.Run(ctx, handler.Call{Parameters: handlertest.Prepare(s.t, h, params), Files: s.files, Report: func(float64, string) {}})
	if err != nil {
		return batchResult{}, err
	}
	handlertest.CheckResult(s.t, h, result)
	return result.(batchResult), nil
}

// one processes a single file, which must succeed, and reads the result.
func (s *studio) one(data []byte, params map[string]any) (image.Image, string, pictureResult) {
	s.t.Helper()
	params["files"] = []string{s.put("picture.any", data)}
	result, err := s.run(s.t.Context(), params)
	if err != nil {
		s.t.Fatal(err)
	}
	entry := result.Images[0]
	if result.ProcessedImages != 1 || entry.Error != nil {
		s.t.Fatalf("got %+v", entry)
	}
	r, info, err := s.files.Open(*entry.File)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	if info.Size != *entry.NewBytes {
		s.t.Errorf("%d bytes, the entry says %d", info.Size, *entry.NewBytes)
	}
	m, format, err := image.Decode(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if got := sizeText(m.Bounds().Size()); got != *entry.NewSize {
		s.t.Errorf("%s, the entry says %s", got, *entry.NewSize)
	}
	return m, format, entry
}

var (
	red   = color.NRGBA{220, 30, 30, 255}
	green = color.NRGBA{30, 180, 60, 255}
	blue  = color.NRGBA{40, 60, 220, 255}
	gold  = color.NRGBA{240, 200, 40, 255}
	hole  = color.NRGBA{}
)

// quarters is a picture of four colours: upper left, upper right, lower left, lower right.
func quarters(w, h int, k [4]color.NRGBA) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, k[x*2/w+y*2/h*2])
		}
	}
	return m
}

// corners are the colours a little inside the corners, in the order of quarters.
func corners(m image.Image) (k [4]color.NRGBA) {
	b := m.Bounds()
	dx, dy := b.Dx()/8, b.Dy()/8
	for i := range k {
		x, y := b.Min.X+dx, b.Min.Y+dy
		if i%2 == 1 {
			x = b.Max.X - 1 - dx
		}
		if i/2 == 1 {
			y = b.Max.Y - 1 - dy
		}
		k[i] = color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
	}
	return k
}

// near reports whether two colours differ by at most so much in each channel.
func near(a, b color.NRGBA, most int) bool {
	off := func(x, y uint8) bool { return max(int(x)-int(y), int(y)-int(x)) > most }
	return !off(a.R, b.R) && !off(a.G, b.G) && !off(a.B, b.B) && !off(a.A, b.A)
}

func checkCorners(t testing.TB, m image.Image, want [4]color.NRGBA, most int) {
	t.Helper()
	got := corners(m)
	for i := range want {
		if !near(got[i], want[i], most) {
			t.Errorf("corners %v, want %v", got, want)
			return
		}
	}
}

func encoded(t testing.TB, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(w io.Writer) error { return png.Encode(w, m) })
}

func jpegOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(w io.Writer) error { return jpeg.Encode(w, m, &jpeg.Options{Quality: 95}) })
}

func copied[M draw.Image](dst M, src image.Image) M {
	draw.Draw(dst, dst.Bounds(), src, src.Bounds().Min, draw.Src)
	return dst
}

func TestEveryParameterOfImageProcessingIsDescribed(t *testing.T) {
	handlertest.CheckDescribed(t, New(), nil)
}

func TestEveryFormatAndColourModelIsRead(t *testing.T) {
	four := [4]color.NRGBA{red, green, blue, gold}
	m := quarters(80, 60, four)
	palette := color.Palette{red, green, blue, gold}
	whole := m.Rect
	tests := map[string]struct {
		data []byte
		want string // format of the result
		most int
	}{
		"png":          {pngOf(t, m), "png", 0},
		"png 16 bit":   {pngOf(t, copied(image.NewNRGBA64(whole), m)), "png", 0},
		"png palette":  {pngOf(t, copied(image.NewPaletted(whole, palette), m)), "png", 0},
		"jpeg":         {jpegOf(t, m), "jpeg", 8},
		"gif":          {encoded(t, func(w io.Writer) error { return gif.Encode(w, copied(image.NewPaletted(whole, palette), m), nil) }), "gif", 2},
		"bmp":          {encoded(t, func(w io.Writer) error { return bmp.Encode(w, m) }), "jpeg", 8},
		"tiff":         {encoded(t, func(w io.Writer) error { return tiff.Encode(w, m, nil) }), "jpeg", 8},
		"tiff deflate": {encoded(t, func(w io.Writer) error { return tiff.Encode(w, m, &tiff.Options{Compression: tiff.Deflate}) }), "jpeg", 8},
		"webp":         {webpOf(80, 60, four), "jpeg", 8},
	}
	s := newStudio(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, format, entry := s.one(test.data, map[string]any{"operation": "convert"})
			if format != test.want || m.Bounds().Size() != image.Pt(80, 60) || *entry.OriginalSize != "80x60" {
				t.Errorf("%s of %v, from %s", format, m.Bounds(), *entry.OriginalSize)
			}
			checkCorners(t, m, four, test.most)
			small, _, _ := s.one(test.data, map[string]any{"target_size": "20x20", "format": "png"})
			if small.Bounds().Size() != image.Pt(20, 15) {
				t.Errorf("resized to %v", small.Bounds())
			}
			checkCorners(t, small, four, 8)
		})
	}
}

func TestACMYKPictureHasItsColours(t *testing.T) {
	src := copied(image.NewCMYK(image.Rect(0, 0, 40, 40)), quarters(40, 40, [4]color.NRGBA{red, green, blue, gold}))
	got, err := copyOf(t.Context(), src, image.Point{}, image.Pt(40, 40))
	if err != nil {
		t.Fatal(err)
	}
	checkCorners(t, got, [4]color.NRGBA{red, green, blue, gold}, 2)
}

func TestEveryOrientationOfAJPEGIsShownUpright(t *testing.T) {
	upright := quarters(96, 64, [4]color.NRGBA{red, green, blue, gold})
	s := newStudio(t)
	for orientation := 1; orientation <= 8; orientation++ {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			t.Run(fmt.Sprint(orientation, order), func(t *testing.T) {
				data := withOrientation(jpegOf(t, asStored(upright, orientation)), order, orientation)
				m, _, entry := s.one(data, map[string]any{"operation": "convert"})
				if m.Bounds().Size() != image.Pt(96, 64) || *entry.OriginalSize != "96x64" {
					t.Errorf("%v, from %s", m.Bounds(), *entry.OriginalSize)
				}
				checkCorners(t, m, [4]color.NRGBA{red, green, blue, gold}, 8)
				m, _, _ = s.one(data, map[string]any{"operation": "rotate", "target_size": "99x48"})
				if m.Bounds().Size() != image.Pt(32, 48) {
					t.Errorf("turned and resized to %v", m.Bounds())
				}
				checkCorners(t, m, [4]color.NRGBA{blue, red, gold, green}, 8)
			})
		}
	}
}

// asStored is how a camera stores what is to be shown with that orientation, by the table of the
// EXIF standard: where its row 0 and column 0 belong.
func asStored(upright *image.NRGBA, orientation int) image.Image {
	w, h := upright.Rect.Dx(), upright.Rect.Dy()
	size := image.Pt(w, h)
	if orientation >= 5 {
		size = image.Pt(h, w)
	}
	m := image.NewNRGBA(image.Rectangle{Max: size})
	for row := range size.Y {
		for column := range size.X {
			x, y := column, row
			switch orientation {
			case 2: // top, right
				x = w - 1 - column
			case 3: // bottom, right
				x, y = w-1-column, h-1-row
			case 4: // bottom, left
				y = h - 1 - row
			case 5: // left, top
				x, y = row, column
			case 6: // right, top
				x, y = w-1-row, column
			case 7: // right, bottom
				x, y = w-1-row, h-1-column
			case 8: // left, bottom
				x, y = row, h-1-column
			}
			m.SetNRGBA(column, row, upright.NRGBAAt(x, y))
		}
	}
	return m
}

// withOrientation inserts an APP1 segment, after one that is not EXIF.
func withOrientation(jpegFile []byte, order binary.AppendByteOrder, orientation int) []byte {
	block := []byte("MM\x00*")
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		block = []byte("II*\x00")
	}
	block = order.AppendUint32(block, 10)
	block = append(block, 0, 0) // the directory need not follow at once
	block = order.AppendUint16(block, 2)
	for _, entry := range [][3]uint16{{0x010f, 2, 0}, {orientationTag, 3, uint16(orientation)}} {
		block = order.AppendUint16(block, entry[0])
		block = order.AppendUint16(block, entry[1])
		block = order.AppendUint32(block, 1)
		block = order.AppendUint16(block, entry[2])
		block = append(block, 0, 0)
	}
	block = order.AppendUint32(block, 0)
	segment := func(body string) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2)), body...)
	}
	out := append([]byte{}, jpegFile[:2]...)
	out = append(out, segment("http://ns.adobe.com/xap/1.0/\x00<x/>")...)
	out = append(out, segment("Exif\x00\x00"+string(block))...)
	return append(out, jpegFile[2:]...)
}

func TestMetadataOfTheSourceIsNotInTheResult(t *testing.T) {
	s := newStudio(t)
	data := withOrientation(jpegOf(t, quarters(20, 20, [4]color.NRGBA{red, green, blue, gold})), binary.BigEndian, 6)
	_, _, entry := s.one(data, map[string]any{"operation": "convert"})
	r, _, err := s.files.Open(*entry.File)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	result, err := io.ReadAll(r)
	if err != nil || bytes.Contains(result, []byte("Exif")) || bytes.Contains(result, []byte("xap")) {
		t.Errorf("metadata survived, or %v", err)
	}
}

func TestUnreadableEXIFIsNoTurn(t *testing.T) {
	for name, block := range map[string]string{
		"empty": "", "not TIFF": "XX*\x00\x00\x00\x00\x08", "offset beyond": "II*\x00\xff\xff\xff\xff",
		"cut directory": "II*\x00\x08\x00\x00\x00\x09\x00\x12\x01", "orientation 9": "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x09\x00\x00",
		"a text": "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x02\x00\x00\x00\x01\x00\x06\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if got := turnOfOrientation(orientationOf([]byte(block))); got != (turn{}) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestOperations(t *testing.T) {
	four := [4]color.NRGBA{red, green, blue, gold}
	m := quarters(120, 80, four)
	data := pngOf(t, m)
	tests := map[string]struct {
		params map[string]any
		size   string
		want   [4]color.NRGBA
	}{
		"resize contains":            {map[string]any{"target_size": "60x60"}, "60x40", four},
		"resize enlarges":            {map[string]any{"target_size": "480x600"}, "480x320", four},
		"resize covers":              {map[string]any{"target_size": "50x80", "fit": "cover"}, "50x80", four},
		"resize stretches":           {map[string]any{"target_size": "30x90", "fit": "stretch"}, "30x90", four},
		"resize has a default":       {map[string]any{}, "800x533", four},
		"thumbnail does not grow":    {map[string]any{"operation": "thumbnail"}, "120x80", four},
		"thumbnail shrinks":          {map[string]any{"operation": "thumbnail", "target_size": "30x30"}, "30x20", four},
		"thumbnail covers":           {map[string]any{"operation": "thumbnail", "target_size": "200x200", "fit": "cover"}, "80x80", four},
		"thumbnail stretches":        {map[string]any{"operation": "thumbnail", "target_size": "40x200", "fit": "stretch"}, "40x80", four},
		"rotate by 90":               {map[string]any{"operation": "rotate"}, "80x120", [4]color.NRGBA{blue, red, gold, green}},
		"rotate by 180":              {map[string]any{"operation": "rotate", "degrees": 180}, "120x80", [4]color.NRGBA{gold, blue, green, red}},
		"rotate by 270":              {map[string]any{"operation": "rotate", "degrees": 270}, "80x120", [4]color.NRGBA{green, gold, red, blue}},
		"rotate and resize":          {map[string]any{"operation": "rotate", "target_size": "40x30"}, "20x30", [4]color.NRGBA{blue, red, gold, green}},
		"degrees are for rotate":     {map[string]any{"operation": "convert", "degrees": 270}, "120x80", four},
		"convert and resize":         {map[string]any{"operation": "convert", "target_size": "60x60"}, "60x40", four},
		"blur keeps what is far":     {map[string]any{"operation": "blur", "radius": 2}, "120x80", four},
		"grayscale":                  {map[string]any{"operation": "grayscale"}, "120x80", [4]color.NRGBA{greyOf(red), greyOf(green), greyOf(blue), greyOf(gold)}},
		"a wide cover is the height": {map[string]any{"target_size": "30x120", "fit": "cover"}, "30x120", four},
	}
	s := newStudio(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, _, entry := s.one(data, test.params)
			if *entry.NewSize != test.size {
				t.Errorf("%s, want %s", *entry.NewSize, test.size)
			}
			checkCorners(t, m, test.want, 3)
		})
	}
}

func greyOf(k color.NRGBA) color.NRGBA {
	y := color.GrayModel.Convert(k).(color.Gray).Y
	return color.NRGBA{y, y, y, 255}
}

func TestAGreyscalePictureHasOneChannel(t *testing.T) {
	s := newStudio(t)
	m := quarters(40, 40, [4]color.NRGBA{red, green, blue, gold})
	for _, format := range []string{"png", "jpeg"} {
		got, _, _ := s.one(pngOf(t, m), map[string]any{"operation": "grayscale", "format": format})
		if _, ok := got.(*image.Gray); !ok {
			t.Errorf("%s: %T", format, got)
		}
	}
}

func TestTransparencyIsKeptOrLaidOnWhite(t *testing.T) {
	white := color.NRGBA{255, 255, 255, 255}
	half := color.NRGBA{220, 30, 30, 128}
	m := quarters(80, 80, [4]color.NRGBA{hole, red, half, blue})
	s := newStudio(t)
	for format, want := range map[string][4]color.NRGBA{
		"png":  {hole, red, half, blue},
		"gif":  {hole, red, red, blue},
		"jpeg": {white, red, {237, 142, 142, 255}, blue},
	} {
		t.Run(format, func(t *testing.T) {
			got, _, entry := s.one(pngOf(t, m), map[string]any{"target_size": "40x40", "format": format})
			if !strings.HasSuffix(entry.Filename, "-40x40"+extensions[format]) {
				t.Errorf("name %s", entry.Filename)
			}
			most := 6
			if format == "gif" {
				most = 12
			}
			checkCorners(t, got, want, most)
		})
	}
	_, format, _ := s.one(encoded(t, func(w io.Writer) error { return tiff.Encode(w, m, nil) }), map[string]any{})
	if format != "png" {
		t.Errorf("a transparent TIFF became %s", format)
	}
}

func TestResamplingKeepsTheMeanOfEveryPattern(t *testing.T) {
	src := image.NewRGBA(image.Rect(0, 0, 997, 613)) // lines of one pixel: aliasing would show
	for y := range 613 {
		for x := range 997 {
			if (x+y)%2 == 0 {
				src.SetRGBA(x, y, color.RGBA{255, 255, 255, 255})
			} else {
				src.SetRGBA(x, y, color.RGBA{0, 0, 0, 255})
			}
		}
	}
	got, err := resample(t.Context(), src, wholeOf(src.Rect.Size()), image.Pt(100, 61), xdraw.CatmullRom)
	if err != nil {
		t.Fatal(err)
	}
	for y := range 61 {
		for x := range 100 {
			if p := got.RGBAAt(x, y); p.R < 115 || p.R > 140 || p.A != 255 {
				t.Fatalf("pixel %d,%d is %v, want an even grey", x, y, p)
			}
		}
	}
}

func TestResamplingOneColourGivesThatColour(t *testing.T) {
	src := quarters(37, 23, [4]color.NRGBA{gold, gold, gold, gold})
	for _, size := range []image.Point{{1, 1}, {5, 3}, {37, 1}, {1, 23}, {200, 400}, {36, 24}} {
		got, err := resample(t.Context(), src, wholeOf(src.Rect.Size()), size, xdraw.CatmullRom)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(got.Pix); i += 4 {
			if p := got.Pix[i : i+4]; !near(color.NRGBA{p[0], p[1], p[2], p[3]}, gold, 1) {
				t.Fatalf("%v: %v, want %v", size, p, gold)
			}
		}
	}
}

func TestAWideBlurIsAsWideAsItSays(t *testing.T) {
	for _, radius := range []float64{1, 2.9, 3.1, 10, 40} {
		src := image.NewRGBA(image.Rect(0, 0, 600, 40)) // left black, right white
		for i := range src.Pix {
			if i%4 == 3 || i/4%600 >= 300 {
				src.Pix[i] = 255
			}
		}
		got, err := blur(t.Context(), src, radius)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []float64{-1.5, -1, -0.5, 0.5, 1, 1.5} {
			x := 299.5 + k*radius
			low, high := got.RGBAAt(int(math.Floor(x)), 20).R, got.RGBAAt(int(math.Ceil(x)), 20).R
			value := (float64(low) + (float64(high)-float64(low))*(x-math.Floor(x))) / 255
			if want := 0.5 * (1 + math.Erf(k/math.Sqrt2)); math.Abs(value-want) > 0.03 {
				t.Errorf("radius %v at %v of it: %.3f, want %.3f", radius, k, value, want)
			}
		}
	}
}

func TestAPictureTooLargeIsRefusedBeforeItIsDecoded(t *testing.T) {
	header := func(w, h uint32) []byte { // a PNG that claims this size and has no pixels
		data := pngOf(t, image.NewGray(image.Rect(0, 0, 1, 1)))
		binary.BigEndian.PutUint32(data[16:], w)
		binary.BigEndian.PutUint32(data[20:], h)
		binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
		return data
	}
	s := newStudio(t)
	ids := []string{s.put("bomb.png", header(50_000, 50_000)), s.put("wide.png", header(65_536, 1)),
		s.put("area.png", header(10_001, 10_000)), s.put("good.png", pngOf(t, quarters(8, 8, [4]color.NRGBA{red, red, red, red})))}
	result, err := s.run(t.Context(), map[string]any{"files": ids})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range result.Images[:3] {
		got = append(got, fmt.Sprintf("%s %s: %s", entry.Filename, *entry.OriginalSize, *entry.Error))
	}
	want := []string{
		"bomb.png 50000x50000: 50000x50000 is over 100 megapixels; make it smaller, or raise max_megapixels",
		"wide.png 65536x1: 65536x1 is over 65535 pixels a side; cut it into parts",
		"area.png 10001x10000: 10001x10000 is over 100 megapixels; make it smaller, or raise max_megapixels",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if result.TotalImages != 4 || result.ProcessedImages != 1 {
		t.Errorf("%d of %d processed", result.ProcessedImages, result.TotalImages)
	}
}

func TestABrokenPictureIsAnEntryWithItsError(t *testing.T) {
	good := jpegOf(t, quarters(64, 64, [4]color.NRGBA{red, green, blue, gold}))
	s := newStudio(t)
	broken := map[string][]byte{
		"cut.jpg": good[:len(good)/2], "cut.png": pngOf(t, quarters(64, 64, [4]color.NRGBA{red, green, blue, gold}))[:60],
		"short.jpg": good[:3], "text.png": []byte("this is not a picture"), "empty.png": {}, "header.gif": []byte("GIF89a"),
		"bad.bmp": []byte("BM????\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "bad.tif": []byte("II*\x00\xff\xff\xff\x7f"),
		"animated.webp": []byte("RIFF\x16\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x07\x00\x00\x07\x00\x00"),
		"bad.webp":      []byte("RIFF\x10\x00\x00\x00WEBPVP8L\x00\x00\x00\x00"),
	}
	ids := []string{strings.Repeat("0", 64)}
	for name, data := range broken {
		ids = append(ids, s.put(name, data))
	}
	if _, err := s.run(t.Context(), map[string]any{"files": ids}); err == nil || !handler.IsPermanent(err) ||
		!strings.Contains(err.Error(), "no picture of 11 could be processed; the first, "+ids[0]+": no such file") {
		t.Errorf("all broken: %v", err)
	}
	result, err := s.run(t.Context(), map[string]any{"files": append(ids, s.put("good.jpg", good))})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range result.Images {
		if (entry.Error == nil) != (entry.Filename == "good-600x600.jpg") {
			t.Errorf("%s: %v", entry.Filename, entry.Error)
		}
		if entry.Error != nil && (entry.File != nil || *entry.Error == "") {
			t.Errorf("%+v", entry)
		}
	}
}

// faulty is a file on a disk that fails.
type faulty struct{ *bytes.Reader }

var errDisk = errors.New("input/output error")

func (f faulty) Read(p []byte) (int, error) {
	if f.Len() < 100 {
		return 0, errDisk
	}
	return f.Reader.Read(p[:min(len(p), 100)])
}

func TestAFileThatCannotBeReadIsNotABadPicture(t *testing.T) {
	data := pngOf(t, quarters(64, 64, [4]color.NRGBA{red, green, blue, gold}))
	s, err := readHeader(t.Context(), bytes.NewReader(data), int64(len(data)), newMemoryBudget(0))
	if err != nil {
		t.Fatal(err)
	}
	s.file = faulty{bytes.NewReader(data)}
	_, err = s.decode(t.Context(), 1)
	if _, bad := errors.AsType[badPicture](blame(err)); bad || !errors.Is(blame(err), errDisk) {
		t.Errorf("decode: %v", err)
	}
	_, err = readHeader(t.Context(), faulty{bytes.NewReader(data[:50])}, 50, newMemoryBudget(0))
	if _, bad := errors.AsType[badPicture](blame(err)); bad || !errors.Is(blame(err), errDisk) {
		t.Errorf("header: %v", err)
	}
}

func TestATargetTooLargeIsPermanent(t *testing.T) {
	s := newStudio(t)
	for _, size := range []string{"65536x10", "10001x10000", "99999x99999"} {
		if _, err := s.run(t.Context(), map[string]any{"target_size": size}); !handler.IsPermanent(err) {
			t.Errorf("%s: %v", size, err)
		}
	}
}

func TestAGIFThatLeavesAMarginHasItsWholeSize(t *testing.T) {
	frame := image.NewPaletted(image.Rect(10, 10, 30, 30), color.Palette{red, hole})
	animation := &gif.GIF{Image: []*image.Paletted{frame, frame}, Delay: []int{1, 1}, Config: image.Config{Width: 40, Height: 40}}
	s := newStudio(t)
	m, format, _ := s.one(encoded(t, func(w io.Writer) error { return gif.EncodeAll(w, animation) }), map[string]any{"operation": "convert"})
	if format != "gif" || m.Bounds().Size() != image.Pt(40, 40) {
		t.Errorf("%s of %v", format, m.Bounds())
	}
	checkCorners(t, m, [4]color.NRGBA{}, 0)
	if got := color.NRGBAModel.Convert(m.At(20, 20)); !near(got.(color.NRGBA), red, 2) {
		t.Errorf("the frame is %v", got)
	}
}

// TestAGIFBeyondItsCanvasIsClipped has a frame that begins on the canvas and goes beyond, as
// browsers draw it.
func TestAGIFBeyondItsCanvasIsClipped(t *testing.T) {
	frame := image.NewPaletted(image.Rect(10, 10, 40, 40), color.Palette{red, hole})
	animation := &gif.GIF{Image: []*image.Paletted{frame}, Delay: []int{1}, Config: image.Config{Width: 40, Height: 40}}
	file := encoded(t, func(w io.Writer) error { return gif.EncodeAll(w, animation) })
	file[6], file[8] = 32, 24
	s := newStudio(t)
	m, _, _ := s.one(file, map[string]any{"operation": "convert"})
	if m.Bounds().Size() != image.Pt(32, 24) {
		t.Fatal(m.Bounds())
	}
	for at, want := range map[image.Point]color.NRGBA{{X: 31, Y: 23}: red, {X: 10, Y: 10}: red, {X: 9, Y: 9}: {}} {
		if got := color.NRGBAModel.Convert(m.At(at.X, at.Y)).(color.NRGBA); !near(got, want, 2) {
			t.Errorf("%v is %v", at, got)
		}
	}
}

func TestPicturesAreDrawnWhenNoneAreGiven(t *testing.T) {
	s := newStudio(t)
	result, err := s.run(t.Context(), map[string]any{"image_count": len(artworks), "target_size": "160x120"})
	if err != nil {
		t.Fatal(err)
	}
	ids, sizes := map[string]bool{}, map[string]bool{}
	for _, entry := range result.Images {
		ids[*entry.File], sizes[*entry.OriginalSize] = true, true
	}
	if result.ProcessedImages != len(artworks) || len(ids) != len(artworks) || len(sizes) < 4 || *result.TargetSize != "160x120" {
		t.Errorf("%d different pictures of %d sizes in %+v", len(ids), len(sizes), result)
	}
	again, err := s.run(t.Context(), map[string]any{"image_count": 1, "target_size": "160x120"})
	if err != nil || *again.Images[0].File != *result.Images[0].File {
		t.Errorf("the same seed drew another picture, or %v", err)
	}
	other, err := s.run(t.Context(), map[string]any{"image_count": 1, "target_size": "160x120", "seed": 2})
	if err != nil || *other.Images[0].File == *result.Images[0].File {
		t.Errorf("another seed drew the same picture, or %v", err)
	}
}

func TestCancelEndsTheWorkWithinAPicture(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newStudio(t)
	id := s.put("one.png", pngOf(t, quarters(300, 300, [4]color.NRGBA{red, green, blue, gold})))
	h := New()
	seen := 0
	_, err := h.Run(ctx, handler.Call{
		Parameters: handlertest.Prepare(t, h, map[string]any{"files": []string{id, id, id}}), Files: s.files,
		Report: func(float64, string) { seen++; cancel() },
	})
	if !errors.Is(err, context.Canceled) || handler.IsPermanent(err) || seen != 1 {
		t.Errorf("%v after %d pictures", err, seen)
	}
	for name, long := range map[string]func() error{
		"resample": func() error {
			_, err := resample(ctx, image.NewRGBA(image.Rect(0, 0, 9, 9)), wholeOf(image.Pt(9, 9)), image.Pt(5, 5), xdraw.CatmullRom)
			return err
		},
		"copy": func() error {
			_, err := copyOf(ctx, image.NewGray(image.Rect(0, 0, 9, 9)), image.Point{}, image.Pt(9, 9))
			return err
		},
		"turn": func() error {
			_, err := turn{flipX: true}.apply(ctx, image.NewRGBA(image.Rect(0, 0, 9, 9)))
			return err
		},
		"quantize": func() error { _, err := quantize(ctx, image.NewRGBA(image.Rect(0, 0, 9, 9))); return err },
		"read": func() error {
			_, err := readHeader(ctx, bytes.NewReader(jpegOf(t, image.NewGray(image.Rect(0, 0, 9, 9)))), 900, newMemoryBudget(0))
			return err
		},
	} {
		if err := long(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAResultSaysHowManyPicturesFailed(t *testing.T) {
	for want, r := range map[string]batchResult{
		"1 picture":            {TotalImages: 1, ProcessedImages: 1},
		"2 pictures, 1 failed": {TotalImages: 3, ProcessedImages: 2},
	} {
		if got, partial := r.Outcome(); got != want || partial != (r.ProcessedImages < r.TotalImages) {
			t.Errorf("%q, partial %v; want %q", got, partial, want)
		}
	}
}

func TestATaskWithPicturesHasNoSeed(t *testing.T) {
	for seed, params := range map[bool]map[string]any{true: {}, false: {"files": []string{strings.Repeat("a", 64)}}} {
		if got := strings.Contains(string(handlertest.Prepare(t, New(), params)), `"seed":`); got != seed {
			t.Errorf("%v: seed %v", params, got)
		}
	}
}

func TestTheSubjectSaysWhatIsDoneToHowManyPictures(t *testing.T) {
	a, b := strings.Repeat("a", 64), strings.Repeat("b", 64)
	handlertest.CheckSubjects(t, New(), map[string]string{a: "harbour.png"}, map[string]string{
		`{}`: "10 pictures: resize to 800x600", `{"image_count":1,"operation":"thumbnail"}`: "1 picture: thumbnail to 256x256",
		`{"files":["` + a + `","` + b + `"],"target_size":"40x30"}`:    "2 pictures: resize to 40x30",
		`{"files":["` + a + `"],"operation":"grayscale"}`:              "harbour.png: grayscale",
		`{"files":["` + b + `"],"operation":"convert","format":"png"}`: "1 picture: convert to png",
		`{"operation":"rotate","degrees":90,"target_size":"40x30"}`:    "10 pictures: rotate to 40x30",
	})
}
