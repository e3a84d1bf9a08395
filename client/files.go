package client

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// File describes a file that the server keeps.
type File struct {
	ID          string `json:"id"` // same bytes, same id
	Name        string `json:"name"`
	Size        int64  `json:"size"` // bytes
	ContentType string `json:"content_type"`
	SHA256      string `json:"sha256"`
}

// Upload streams a file to the server and returns when it is on the server's disk.
// contentType "" means that the server finds out the type. The reader is read once, from where it stands; of several servers the next
// one gets it from there again if it is an io.Seeker.
func (c *Client) Upload(ctx context.Context, name, contentType string, r io.Reader) (f File, err error) {
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	_, err = c.do(ctx, call{
		method: http.MethodPost,
		path:   "/api/files",
		query:  url.Values{"name": {name}},
		header: http.Header{"Content-Type": {contentType}},
		body:   newUpload(r),
		again:  true, // the same bytes are the same file
	}, &f)
	return f, err
}

// UploadFile uploads the file at path. progress, if not nil, is called as bytes are sent.
func (c *Client) UploadFile(ctx context.Context, path string, progress func(sent, size int64)) (File, error) {
	file, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return File{}, err
	}
	if info.IsDir() {
		return File{}, fmt.Errorf("%s is a folder", path)
	}
	var r io.Reader = file
	if progress != nil {
		r = &counting{r: file, size: info.Size(), progress: progress}
	}
	return c.Upload(ctx, filepath.Base(path), mime.TypeByExtension(filepath.Ext(path)), r)
}

// counting tells how much of a reader was read.
type counting struct {
	r          io.Reader
	sent, size int64
	progress   func(sent, size int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sent += int64(n)
	c.progress(c.sent, c.size)
	return n, err
}

// Seek is called when the file must be sent again.
func (c *counting) Seek(offset int64, whence int) (int64, error) {
	at, err := c.r.(io.Seeker).Seek(offset, whence)
	if err == nil {
		c.sent = at
	}
	return at, err
}

// Download opens a file that the server keeps. The caller closes it.
func (c *Client) Download(ctx context.Context, id string) (io.ReadCloser, error) {
	resp, err := c.open(ctx, call{method: http.MethodGet, path: pathOf("/api/files/", id, "")})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
