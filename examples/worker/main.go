// Command worker is a Daybook worker in Go. It scales pictures:
//
//	DAYBOOK_URL=http://127.0.0.1:8000 go run ./examples/worker
//	daybook submit resize -p width=64 -p file=ID --wait      # ID of an uploaded picture
package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // read by image.Decode
	"image/png"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"daybook/client"
)

// Parameters of a task of the type resize.
type Parameters struct {
	File    string  `json:"file"`    // id of an uploaded PNG or JPEG; "" = a made picture
	Width   int     `json:"width"`   // of the result, 1 to 4096; 0 = 128
	Seconds float64 `json:"seconds"` // the least time to take
}

// Result of a task of the type resize.
type Result struct {
	File   string `json:"file"` // id of the PNG
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// declared is what a task of the type resize takes and gives.
var declared = client.TypeDeclaration{
	Title: "Resize", Description: "Scales a picture to a width.",
	ParametersSchema: []byte(`{"type":"object","properties":{"file":{"type":"string","format":"daybook-file"},"width":{"type":"integer","maximum":4096},"seconds":{"type":"number","minimum":0}}}`),
	ResultSchema:     []byte(`{"type":"object","required":["file","width","height"]}`),
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("DAYBOOK_URL")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, url string) error {
	server, err := client.New(url, nil)
	if err != nil {
		return err
	}
	server.Token = os.Getenv("DAYBOOK_TOKEN")
	worker := client.NewWorker(server, client.WorkerOptions{Build: "example", Slots: 4, Grace: 10 * time.Second})
	client.Handle(worker, "resize", func(ctx context.Context, l client.Lease[Parameters]) (Result, error) {
		return resize(ctx, server, l)
	})
	worker.Declare("resize", declared)
	// Register your own: client.Handle(worker, "my-type", myHandler)
	return worker.Run(ctx)
}

func resize(ctx context.Context, server *client.Client, l client.Lease[Parameters]) (Result, error) {
	p := l.Parameters
	if p.Width == 0 {
		p.Width = 128
	}
	if p.Width < 1 || p.Width > 4096 {
		return Result{}, client.Permanent(fmt.Errorf("width must be 1 to 4096, not %d", p.Width))
	}
	from, err := open(ctx, server, p.File)
	if err != nil {
		return Result{}, err
	}
	size := from.Bounds()
	to := image.NewRGBA(image.Rect(0, 0, p.Width, max(1, size.Dy()*p.Width/size.Dx())))
	l.Log().Info("resizing", "from", size.Max, "to", to.Rect.Max)
	rows := to.Rect.Dy()
	for y := range rows {
		for x := range p.Width {
			to.Set(x, y, from.At(size.Min.X+x*size.Dx()/p.Width, size.Min.Y+y*size.Dy()/rows))
		}
		l.Progress(100*float64(y+1)/float64(rows), fmt.Sprintf("%d of %d rows", y+1, rows))
		select {
		case <-ctx.Done(): // cancelled, the lease is lost, or the worker stops
			return Result{}, context.Cause(ctx)
		case <-time.After(time.Duration(p.Seconds / float64(rows) * float64(time.Second))):
		}
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, to); err != nil {
		return Result{}, err
	}
	file, err := server.Upload(ctx, "resized.png", "image/png", &encoded)
	if err != nil {
		return Result{}, err
	}
	l.AddFile(file.ID)
	return Result{File: file.ID, Width: p.Width, Height: rows}, nil
}

// open reads an uploaded picture, or makes one.
func open(ctx context.Context, server *client.Client, id string) (image.Image, error) {
	if id == "" {
		made := image.NewRGBA(image.Rect(0, 0, 320, 240))
		for i := range made.Pix {
			made.Pix[i] = byte(i / 7)
		}
		made.Set(0, 0, color.White)
		return made, nil
	}
	content, err := server.Download(ctx, id)
	if client.StatusOf(err) == 404 {
		return nil, client.Permanent(fmt.Errorf("there is no file %s", id))
	}
	if err != nil {
		return nil, err
	}
	defer content.Close()
	picture, _, err := image.Decode(content)
	if err != nil {
		return nil, client.Permanent(fmt.Errorf("decode the picture: %w", err))
	}
	return picture, nil
}
