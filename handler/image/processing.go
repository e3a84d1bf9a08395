// Package image is the type IMAGE_PROCESSING: it resizes, converts and changes pictures, in bounded memory.
package image

import (
	"bytes"
	"context"
	_ "embed" // the schemas
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"time"

	"daybook/files"
	"daybook/handler"
	"daybook/handler/image/codec"
	"daybook/task"

	"golang.org/x/image/draw"
)

// usualMegapixels is the default of max_megapixels.
const usualMegapixels = 100

// Processing resizes, converts and changes pictures, uploaded or drawn.
type Processing struct {
	budget *memoryBudget
}

// New returns the handler of IMAGE_PROCESSING. Its pictures may take half of the memory limit of the
// Go runtime together (GOMEMLIMIT), 1 GiB if there is none.
func New() *Processing { return &Processing{budget: newMemoryBudget(0)} }

//go:embed parameters.json
var parametersSchema []byte

//go:embed result.json
var resultSchema []byte

// Spec describes IMAGE_PROCESSING.
func (*Processing) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:  "IMAGE_PROCESSING",
		Title: "Image processing",
		Description: "Resizes, converts, greyscales, rotates or blurs pictures (" + formatNames + "), " +
			"uploaded or generated. Each result is a file, upright, in sRGB and without metadata.",
		ParametersSchema: parametersSchema,
		ResultSchema:     resultSchema,
	}
}

// parameters has float64 for integers too: they may be written 5.0 or 1e3.
type parameters struct {
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
	Megapixels float64  `json:"max_megapixels"`
}

// size is the size to bring pictures to, "" when theirs stays.
func (p *parameters) size() string {
	switch {
	case p.TargetSize != "":
		return p.TargetSize
	case p.Operation == "resize":
		return "800x600"
	case p.Operation == "thumbnail":
		return "256x256"
	}
	return ""
}

// Subject says how many pictures there are, and what is done to them.
func (*Processing) Subject(text json.RawMessage, fileNames map[string]string) string {
	var p parameters
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	n := int64(len(p.Files))
	if n == 0 {
		n = int64(p.ImageCount)
	}
	subject := handler.Count(n, "picture")
	if len(p.Files) == 1 && fileNames[p.Files[0]] != "" {
		subject = fileNames[p.Files[0]]
	}
	subject += ": " + p.Operation
	if p.Operation == "convert" && p.Format != "" {
		subject += " to " + p.Format
	}
	if size := p.size(); size != "" {
		subject += " to " + size
	}
	return subject
}

type batchResult struct {
	TotalImages     int             `json:"total_images"`
	ProcessedImages int             `json:"processed_images"`
	Operation       string          `json:"operation"`
	TargetSize      *string         `json:"target_size"`
	Images          []pictureResult `json:"images"`
}

// Outcome says how many pictures were made, and how many could not be.
func (r batchResult) Outcome() (string, bool) {
	return handler.Outcome(handler.Count(int64(r.ProcessedImages), "picture"), int64(r.TotalImages-r.ProcessedImages), "failed")
}

// pictureResult is the result for one picture. Unknown values are null.
type pictureResult struct {
	Filename             string   `json:"filename"`
	File                 *string  `json:"file"`
	OriginalSize         *string  `json:"original_size"`
	NewSize              *string  `json:"new_size"`
	OriginalBytes        *int64   `json:"original_bytes"`
	NewBytes             *int64   `json:"new_bytes"`
	SizeReductionPercent *float64 `json:"size_reduction_percent"`
	ProcessingTimeMS     float64  `json:"processing_time_ms"`
	Frames               *int     `json:"frames"` // of the source: one is kept
	Notes                []string `json:"notes"`  // what was lost in the conversion
	Error                *string  `json:"error"`
}

// Run processes the pictures. One that cannot be processed has an entry with an error; if none can,
// the task fails without a retry.
func (h *Processing) Run(ctx context.Context, call handler.Call) (any, error) {
	w, err := newWork(call)
	if err != nil {
		return nil, handler.Permanent(err)
	}
	w.budget = h.budget
	total, log := w.total(), call.Log()
	result := batchResult{TotalImages: total, Operation: w.params.Operation, Images: make([]pictureResult, 0, total)}
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
		} else {
			log.Warn("picture left out", "file", entry.Filename, "error", *entry.Error)
		}
		result.Images = append(result.Images, entry)
		call.Report(100*float64(i+1)/float64(total), fmt.Sprintf("%d of %d: %s", i+1, total, entry.Filename))
	}
	if result.ProcessedImages == 0 {
		first := result.Images[0]
		return nil, handler.Permanent(fmt.Errorf("no picture of %d could be processed; the first, %s: %s", total, first.Filename, *first.Error))
	}
	return result, nil
}

// work is what one attempt does to each of its pictures.
type work struct {
	call    handler.Call
	params  parameters
	fitting *fitting // nil = the size stays
	right   int      // quarters to turn clockwise
	most    int      // megapixels
	budget  *memoryBudget
}

// newWork reads the parameters.
func newWork(call handler.Call) (*work, error) {
	w := &work{call: call}
	if err := json.Unmarshal(call.Parameters, &w.params); err != nil {
		return nil, fmt.Errorf("read the parameters: %w", err)
	}
	p := &w.params
	w.most = int(p.Megapixels)
	if w.most == 0 {
		w.most = usualMegapixels // a task from before the parameter existed
	}
	if p.TargetSize = p.size(); p.TargetSize != "" {
		box, err := parseSize(p.TargetSize)
		if err == nil {
			err = checkMeasures(box.X, box.Y, w.most)
		}
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

func (w *work) total() int {
	if len(w.params.Files) > 0 {
		return len(w.params.Files)
	}
	return int(w.params.ImageCount)
}

// badPicture marks an error that concerns one picture, not the attempt.
type badPicture struct{ error }

// blame tells a bad picture from a file that could not be read and from an attempt that has ended.
func blame(err error) error {
	if fault, ok := errors.AsType[readFault](err); ok {
		return fmt.Errorf("read the picture: %w", fault)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return badPicture{err}
}

// process makes the result of the i-th picture. Its error ends the attempt.
func (w *work) process(ctx context.Context, i int) (pictureResult, error) {
	start := time.Now()
	entry := pictureResult{Notes: []string{}}
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

// transform does the work of process and returns how long it waited for memory.
func (w *work) transform(ctx context.Context, i int, entry *pictureResult) (waited time.Duration, err error) {
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
	s, err := readHeader(ctx, file, size, w.budget)
	if err != nil {
		return 0, blame(err)
	}
	entry.OriginalSize, entry.Frames = new(sizeText(s.size())), new(s.frames)
	if err := checkMeasures(s.width, s.height, w.most); err != nil {
		return 0, badPicture{err}
	}
	if s.frames > 1 {
		entry.Notes = append(entry.Notes, fmt.Sprintf("only the first of %d %s is kept", s.frames, framesOf(s.format)))
	}
	p := w.plan(s)
	before := time.Now()
	release, err := w.budget.acquire(ctx, s.memoryFor(p.shrink)+w.memory(s, p))
	waited = time.Since(before)
	if err != nil {
		return waited, blame(err)
	}
	defer release()
	m, note, err := w.render(ctx, s, p)
	if err != nil {
		return waited, err
	}
	if note != "" {
		entry.Notes = append(entry.Notes, note)
	}
	entry.NewSize = new(sizeText(m.Rect.Size()))
	return waited, w.keep(ctx, m, s.format, name, entry)
}

// framesOf names the parts of a file of that format.
func framesOf(format string) string {
	switch format {
	case "tiff":
		return "pages"
	case "heic", "avif":
		return "pictures"
	}
	return "frames"
}

// open opens the i-th source: an uploaded file, or one that is drawn.
func (w *work) open(i int) (file io.ReadSeekCloser, name string, size int64, err error) {
	if len(w.params.Files) == 0 {
		d := drawPicture(int64(w.params.Seed), i)
		var b bytes.Buffer
		if err := d.encode(&b); err != nil {
			return nil, d.name, 0, fmt.Errorf("draw %s: %w", d.name, err)
		}
		return nopCloser{bytes.NewReader(b.Bytes())}, d.name, int64(b.Len()), nil
	}
	id := w.params.Files[i]
	file, info, err := w.call.Open(id)
	if errors.Is(err, files.ErrNotFound) {
		return nil, id, 0, badPicture{files.ErrNotFound}
	}
	return file, info.Name, info.Size, err
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// plan is how one picture is brought to its size: resampled as it is stored, then turned.
type plan struct {
	part   area        // of the stored picture
	shrink int         // how it is decoded
	size   image.Point // before the turn
	turn   turn
}

func (w *work) plan(s *source) plan {
	stored := image.Pt(s.width, s.height)
	p := plan{part: wholeOf(stored), size: stored, turn: s.turn.thenRight(w.right)}
	if w.fitting != nil {
		p.part, p.size = w.fitting.turned(p.turn).apply(stored)
	}
	p.shrink = s.shrinkFor(p.part, p.size)
	return p
}

// memory is what the result takes beside the decoded picture, in bytes: its pixels, twice when they
// are turned or blurred, what resampling keeps, what an encoder works with, and the conversion of
// colours.
func (w *work) memory(s *source, p plan) int64 {
	pixels := int64(p.size.X) * int64(p.size.Y)
	bytes := 5*pixels + keptRowBytes + 32*int64(s.width+p.size.X)
	if p.turn != (turn{}) || w.params.Operation == "blur" {
		bytes += 4 * pixels
	}
	if s.hasColours() {
		bytes += codec.ColoursMemory
	}
	return bytes
}

// render decodes a picture and makes the result's pixels, with a note of what was lost.
func (w *work) render(ctx context.Context, s *source, p plan) (m *image.RGBA, note string, err error) {
	decoded, err := s.decode(ctx, p.shrink)
	if err != nil {
		return nil, "", blame(err)
	}
	if corner, ok := p.part.pixels(p.size); ok {
		m, err = copyOf(ctx, decoded, corner, p.size)
	} else {
		m, err = resample(ctx, decoded, p.part.shrunk(p.shrink), p.size, draw.CatmullRom)
	}
	if err != nil {
		return nil, "", err
	}
	if note, err = s.toSRGB(ctx, m); err != nil {
		return nil, "", err
	}
	if m, err = p.turn.apply(ctx, m); err != nil {
		return nil, "", err
	}
	switch w.params.Operation {
	case "grayscale":
		grey(m)
	case "blur":
		m, err = blur(ctx, m, w.params.Radius)
	}
	return m, note, err
}

// keep writes the result and completes the entry.
func (w *work) keep(ctx context.Context, m *image.RGBA, sourceFormat, name string, entry *pictureResult) error {
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
