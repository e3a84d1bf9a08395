package codec

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
)

func sample(t *testing.T, width, height int) []byte {
	t.Helper()
	m := image.NewGray(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = 200
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryRowIsHandedOverOnce(t *testing.T) {
	data := sample(t, 301, 203)
	h, err := ReadHeader(t.Context(), JPEG, bytes.NewReader(data), int64(len(data)))
	if err != nil || h.Width != 301 || h.Height != 203 || h.Frames != 1 {
		t.Fatalf("%+v, %v", h, err)
	}
	for shrink, size := range map[int]image.Point{1: {301, 203}, 2: {151, 102}, 4: {76, 51}, 8: {38, 26}} {
		next := 0
		err := Decode(t.Context(), JPEG, bytes.NewReader(data), int64(len(data)), h.Memory, shrink, func(y int, pixels []byte) {
			if y != next || len(pixels)%(4*size.X) != 0 {
				t.Errorf("shrunk by %d: row %d after %d, %d bytes", shrink, y, next, len(pixels))
			}
			next = y + len(pixels)/(4*size.X)
			if pixels[0] != 200 || pixels[3] != 255 {
				t.Errorf("pixel %v", pixels[:4])
			}
		})
		if err != nil || next != size.Y {
			t.Errorf("shrunk by %d: %d rows, %v", shrink, next, err)
		}
	}
}

func TestALibraryGetsNoMoreMemoryThanItsLimit(t *testing.T) {
	data := sample(t, 4000, 16)
	err := Decode(t.Context(), JPEG, bytes.NewReader(data), int64(len(data)), 1<<20, 1, func(int, []byte) {})
	if !errors.Is(err, ErrMemory) {
		t.Errorf("got %v", err)
	}
}

// gone is a file that cannot be read.
type gone struct{}

var errGone = errors.New("input/output error")

func (gone) ReadAt([]byte, int64) (int, error) { return 0, errGone }

func TestAnErrorOfTheFileIsItsOwn(t *testing.T) {
	for _, format := range []Format{JPEG, TIFF, WebP, HEIF} {
		if _, err := ReadHeader(t.Context(), format, gone{}, 1000); !errors.Is(err, errGone) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestTheEndOfTheContextEndsDecoding(t *testing.T) {
	data := sample(t, 300, 3000)
	h, err := ReadHeader(t.Context(), JPEG, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = Decode(ctx, JPEG, bytes.NewReader(data), int64(len(data)), h.Memory, 1, func(int, []byte) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestALibrarySaysWhyItRefuses(t *testing.T) {
	for format, want := range map[Format]string{
		JPEG: "Not a JPEG file: starts with 0x6e 0x6f", TIFF: "Not a TIFF or MDI file, bad magic number 28526 (0x6f6e)", WebP: "it is cut or damaged",
	} {
		_, err := ReadHeader(t.Context(), format, bytes.NewReader([]byte("nonsense of some length")), 23)
		if refusal, ok := errors.AsType[Refusal](err); !ok || string(refusal) != want {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestColoursOfCodePoints(t *testing.T) {
	if c, err := ColoursOfCodes(t.Context(), 1, 13, 1); c != nil || err != nil {
		t.Errorf("sRGB is to be converted: %v", err)
	}
	if _, err := ColoursOfCodes(t.Context(), 200, 13, 1); err == nil {
		t.Error("primaries 200 are known")
	}
	if _, err := ColoursOfProfile(t.Context(), []byte("no profile"), 1); err == nil {
		t.Error("a text is a profile")
	}
	c, err := ColoursOfCodes(t.Context(), 12, 13, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	pixels := []byte{0, 128, 0, 255, 0, 64, 0, 128, 9, 9, 9, 0}
	if err := c.Convert(pixels); err != nil {
		t.Fatal(err)
	}
	got := color.RGBA{pixels[0], pixels[1], pixels[2], pixels[3]}
	if got.G < 128 || got.A != 255 || pixels[7] != 128 || pixels[5] < 64 || pixels[5] > pixels[1]/2+2 || pixels[8] != 9 {
		t.Errorf("got %v", pixels)
	}
}
