package handler

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"path"
	"strings"
	"time"

	"golang.org/x/image/draw"

	"daybook/files"
	"daybook/task"
)

// Image resizes, converts and changes pictures, uploaded or drawn.
type Image struct {
	budget *PixelBudget
}

// NewImage returns the handler of IMAGE_PROCESSING. Handlers that share a budget share the memory
// for pixels; nil = one of its own, of the default size.
func NewImage(budget *PixelBudget) *Image {
	if budget == nil {
		budget = NewPixelBudget(0)
	}
	return &Image{budget: budget}
}

// Spec describes IMAGE_PROCESSING.
func (*Image) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:  "IMAGE_PROCESSING",
		Title: "Image processing",
		Description: "Resizes, converts, greyscales, turns or blurs pictures (PNG, JPEG, GIF, BMP, TIFF or WebP), " +
			"or such as it draws itself. Each result is a file; it carries no metadata of its source.",
		ParametersSchema: schemaOf("image.parameters"),
		ResultSchema:     schemaOf("image.result"),
	}
}

// imageParameters are numbers as JSON has them: a whole one may be written 5.0 or 1e3.
type imageParameters struct {
	Files      []string `json:"files"`
	ImageCount float64  `json:"image_count"` // without Files
	Seed       float64  `json:"seed"`
	Operation  string   `json:"operation"`
	TargetSize string   `json:"target_size"`
	Fit        string   `json:"fit"`
	Format     string   `json:"format"` // "" = that of the source
	Quality    float64  `json:"quality"`
	Degrees    float64  `json:"degrees"`
	Radius     float64  `json:"radius"`
}

type imageResult struct {
	TotalImages     int          `json:"total_images"`
	ProcessedImages int          `json:"processed_images"`
	Operation       string       `json:"operation"`
	TargetSize      *string      `json:"target_size"`
	Images          []imageEntry `json:"images"`
}

// imageEntry is what became of one picture. What is not known is null.
type imageEntry struct {
	Filename             string   `json:"filename"`
	File                 *string  `json:"file"`
	OriginalSize         *string  `json:"original_size"`
	NewSize              *string  `json:"new_size"`
	OriginalBytes        *int64   `json:"original_bytes"`
	NewBytes             *int64   `json:"new_bytes"`
	SizeReductionPercent *float64 `json:"size_reduction_percent"`
	ProcessingTimeMS     float64  `json:"processing_time_ms"`
	Error                *string  `json:"error"`
}

// Run works through the pictures. A picture that cannot be processed is an entry with its error;
// if none can be, the task has failed for good.
func (h *Image) Run(ctx context.Context, call Call) (any, error) {
	w, err := newImageWork(call)
	if err != nil {
		return nil, Permanent(err)
	}
	w.budget = h.budget
	total := w.total()
	result := imageResult{TotalImages: total, Operation: w.params.Operation, Images: make([]imageEntry, 0, total)}
	if w.fitting != nil {
		result.TargetSize = new(sizeText(w.fitting.box))
	}
	for i := range total {
		entry, err := w.process(ctx, i)
		if err != nil {
			return nil, err
		}
		if entry.Error == nil {
			result.ProcessedImages++
		}
		result.Images = append(result.Images, entry)
		call.Report(100*float64(i+1)/float64(total), fmt.Sprintf("%d of %d: %s", i+1, total, entry.Filename))
	}
	if result.ProcessedImages == 0 {
		first := result.Images[0]
		return nil, Permanent(fmt.Errorf("no picture of %d could be processed; the first, %s: %s", total, first.Filename, *first.Error))
	}
	return result, nil
}

// imageWork is what one attempt does to each of its pictures.
type imageWork struct {
	call    Call
	params  imageParameters
	fitting *fitting // nil = the size stays
	right   int      // quarters to turn clockwise
	budget  *PixelBudget
}

// newImageWork reads the parameters.
func newImageWork(call Call) (*imageWork, error) {
	w := &imageWork{call: call}
	if err := json.Unmarshal(call.Parameters, &w.params); err != nil {
		return nil, fmt.Errorf("read the parameters: %w", err)
	}
	p := &w.params
	if p.TargetSize == "" {
		p.TargetSize = map[string]string{"resize": "800x600", "thumbnail": "256x256"}[p.Operation]
	}
	if p.TargetSize != "" {
		box, err := parseSize(p.TargetSize)
		if err != nil {
			return nil, fmt.Errorf("target_size: %w", err)
		}
		w.fitting = &fitting{box: box, fit: p.Fit, enlarge: p.Operation != "thumbnail"}
	}
	if p.Operation == "rotate" {
		w.right = int(p.Degrees) / 90
	}
	return w, nil
}

func (w *imageWork) total() int {
	if len(w.params.Files) > 0 {
		return len(w.params.Files)
	}
	return int(w.params.ImageCount)
}

// badPicture marks an error that concerns one picture, not the attempt.
type badPicture struct{ error }

// blame tells a bad picture from a file that could not be read.
func blame(err error) error {
	if fault, ok := errors.AsType[readFault](err); ok {
		return fmt.Errorf("read the picture: %w", fault)
	}
	return badPicture{err}
}

// process makes the result of the i-th picture. Its error ends the attempt.
func (w *imageWork) process(ctx context.Context, i int) (imageEntry, error) {
	start := time.Now()
	entry := imageEntry{}
	waited, err := w.transform(ctx, i, &entry)
	entry.ProcessingTimeMS = math.Round(10*float64(time.Since(start)-waited)/float64(time.Millisecond)) / 10
	if ctx.Err() != nil {
		return entry, ctx.Err()
	}
	if bad, ok := errors.AsType[badPicture](err); ok {
		entry.Error, err = new(bad.Error()), nil
	}
	return entry, err
}

// transform does the work of process and tells how long it waited for memory.
func (w *imageWork) transform(ctx context.Context, i int, entry *imageEntry) (waited time.Duration, err error) {
	file, name, size, err := w.open(i)
	entry.Filename = name
	if err != nil {
		return 0, err
	}
	defer file.Close()
	entry.OriginalBytes = new(size)
	if size > maxPictureBytes {
		return 0, badPicture{fmt.Errorf("the file is over %d MiB", maxPictureBytes>>20)}
	}
	s, err := readHeader(ctx, file)
	if err != nil {
		return 0, blame(err)
	}
	entry.OriginalSize = new(sizeText(s.size()))
	if err := checkMeasures(s.width, s.height); err != nil {
		return 0, badPicture{err}
	}
	p := w.plan(s)
	before := time.Now()
	release, err := w.budget.take(ctx, int64(s.width*s.height+p.size.X*p.size.Y))
	waited = time.Since(before)
	if err != nil {
		return waited, err
	}
	defer release()
	m, err := w.render(ctx, s, p)
	if err != nil {
		return waited, err
	}
	entry.NewSize = new(sizeText(m.Rect.Size()))
	return waited, w.keep(ctx, m, s.format.name, name, entry)
}

// open opens the i-th source: an uploaded file, or one that is drawn.
func (w *imageWork) open(i int) (file io.ReadSeekCloser, name string, size int64, err error) {
	if len(w.params.Files) == 0 {
		d := drawPicture(int64(w.params.Seed), i)
		var b bytes.Buffer
		if err := d.encode(&b); err != nil {
			return nil, d.name, 0, fmt.Errorf("draw %s: %w", d.name, err)
		}
		return nopCloser{bytes.NewReader(b.Bytes())}, d.name, int64(b.Len()), nil
	}
	id := w.params.Files[i]
	file, info, err := w.call.Files.Open(id)
	if errors.Is(err, files.ErrNotFound) {
		return nil, id, 0, badPicture{files.ErrNotFound}
	}
	return file, info.Name, info.Size, err
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// plan is how one picture is brought to its size: resampled as it is stored, then turned.
type plan struct {
	part image.Rectangle // of the stored picture
	size image.Point     // before the turn
	turn turn
}

func (w *imageWork) plan(s *source) plan {
	stored := image.Pt(s.width, s.height)
	p := plan{part: image.Rectangle{Max: stored}, size: stored, turn: s.turn.thenRight(w.right)}
	if w.fitting != nil {
		p.part, p.size = w.fitting.turned(p.turn).apply(stored)
	}
	return p
}

// render decodes a picture and makes the result's pixels.
func (w *imageWork) render(ctx context.Context, s *source, p plan) (*image.RGBA, error) {
	decoded, err := s.decode(ctx)
	if err != nil {
		return nil, blame(err)
	}
	var m *image.RGBA
	if p.size == decoded.Bounds().Size() && p.part == decoded.Bounds() {
		m, err = toRGBA(ctx, decoded)
	} else {
		m, err = resample(ctx, decoded, p.part, p.size, draw.CatmullRom)
	}
	if err != nil {
		return nil, err
	}
	if m, err = p.turn.apply(ctx, m); err != nil {
		return nil, err
	}
	switch w.params.Operation {
	case "grayscale":
		grey(m)
	case "blur":
		return blur(ctx, m, w.params.Radius)
	}
	return m, nil
}

// keep writes the result and completes the entry.
func (w *imageWork) keep(ctx context.Context, m *image.RGBA, sourceFormat, name string, entry *imageEntry) error {
	format := writtenFormat(w.params.Format, sourceFormat, m.Opaque())
	name = w.resultName(name, format, m.Rect.Size())
	info, err := store(ctx, w.call.Files, name, "image/"+format, func(to io.Writer) error {
		return encode(ctx, to, m, format, int(w.params.Quality), w.params.Operation == "grayscale")
	})
	if err != nil {
		return fmt.Errorf("store %s: %w", name, err)
	}
	entry.Filename, entry.File, entry.NewBytes = name, new(info.ID), new(info.Size)
	saved := 100 * (1 - float64(info.Size)/float64(max(*entry.OriginalBytes, 1)))
	entry.SizeReductionPercent = new(math.Round(10*saved) / 10)
	return nil
}

// resultName names a result after its source: "harbour.png" becomes "harbour-800x600.png".
func (w *imageWork) resultName(source, format string, size image.Point) string {
	mark := map[string]string{
		"resize": "-" + sizeText(size), "thumbnail": "-thumbnail", "grayscale": "-grayscale", "blur": "-blur",
		"rotate": fmt.Sprintf("-rotated-%d", 90*w.right),
	}[w.params.Operation]
	return strings.TrimSuffix(source, path.Ext(source)) + mark + extensions[format]
}
