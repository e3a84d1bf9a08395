package image

import (
	"context"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"path"
	"strings"

	"daybook/files"
)

// writtenFormat is the format of a result: the wanted one, else that of the source if it can be
// written, else JPEG, or PNG for a picture that one can see through.
func writtenFormat(wanted, source string, opaque bool) string {
	switch {
	case wanted != "":
		return wanted
	case source == "png" || source == "jpeg" || source == "gif":
		return source
	case opaque:
		return "jpeg"
	}
	return "png"
}

// extensions of the names of results.
var extensions = map[string]string{"png": ".png", "jpeg": ".jpg", "gif": ".gif"}

// carefulPNG is the most pixels that are worth the slower compression of PNG: noise may take a
// microsecond a pixel.
const carefulPNG = 4_000_000

// encode writes a picture; it may change m. A picture without colour is written with one channel.
// JPEG knows no transparency: the picture is laid on white.
func encode(ctx context.Context, w io.Writer, m *image.RGBA, format string, quality int, colourless bool) error {
	if format == "jpeg" {
		flatten(m)
	}
	if format == "gif" {
		paletted, err := quantize(ctx, m)
		if err != nil {
			return err
		}
		return gif.Encode(w, paletted, nil)
	}
	var picture image.Image = m
	if colourless && m.Opaque() {
		picture = greyscale(m)
	}
	if format == "jpeg" {
		return jpeg.Encode(w, picture, &jpeg.Options{Quality: quality})
	}
	encoder := png.Encoder{}
	if m.Rect.Dx()*m.Rect.Dy() > carefulPNG {
		encoder.CompressionLevel = png.BestSpeed
	}
	return encoder.Encode(w, picture)
}

// greyscale is the picture's red channel as a picture of one channel.
func greyscale(m *image.RGBA) *image.Gray {
	g := image.NewGray(m.Rect)
	for i := range g.Pix {
		g.Pix[i] = m.Pix[4*i]
	}
	return g
}

// store keeps what write writes as a file, without holding it in memory.
func store(ctx context.Context, keep *files.Store, name, contentType string, write func(io.Writer) error) (files.Info, error) {
	r, w := io.Pipe()
	written := make(chan struct{})
	go func() {
		defer close(written)
		_ = w.CloseWithError(write(w)) // the error comes out of Put
	}()
	info, err := keep.Put(ctx, name, contentType, r, maxPictureBytes)
	_ = r.CloseWithError(io.ErrClosedPipe) // ends a writer whose reader gave up
	<-written
	return info, err
}

// resultName names a result after its source: "harbour.png" becomes "harbour-800x600.png".
func (w *work) resultName(source, format string, size image.Point) string {
	mark := map[string]string{
		"resize": "-" + sizeText(size), "thumbnail": "-thumbnail", "grayscale": "-grayscale", "blur": "-blur",
		"rotate": fmt.Sprintf("-rotated-%d", 90*w.right),
	}[w.params.Operation]
	return strings.TrimSuffix(source, path.Ext(source)) + mark + extensions[format]
}
