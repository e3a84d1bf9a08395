package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"daybook/files"
)

// inline are the types that a browser may show; all others are saved.
var inline = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}

// harmlessTypes are those that no browser runs.
var harmlessTypes = map[string]bool{"text/csv": true, "text/tab-separated-values": true, "text/plain": true,
	"application/json": true, "application/zip": true, "application/gzip": true, "image/bmp": true, "image/tiff": true}

// checkedFirst is up to how many bytes a file is checked before the answer begins. A longer
// one is checked as it is sent, and the connection is cut where it is damaged.
const checkedFirst = 16 << 20

// download answers GET /api/files/{id}, ranges too. What was uploaded is never run: not
// as a page, not as a script, not as a style.
func (a *API) download(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	file, info, err := a.Files.Open(p.id)
	if err != nil {
		return err
	}
	defer file.Close()
	if info.Size <= checkedFirst {
		if err := a.Files.Check(r.Context(), info.ID); err != nil {
			return err
		}
	}
	kind, disposition, err := howToServe(file, info.ContentType)
	if err != nil {
		return err
	}
	h := p.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", named(disposition, info.Name))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	h.Set("ETag", `"`+info.ID+`"`)
	content := &noted{ReadSeeker: file}
	err = serveContent(p, r, content)
	if errors.Is(content.err, files.ErrDamaged) {
		a.Logger.Error("answer was cut", "file", info.ID, "error", content.err)
		panic(http.ErrAbortHandler) // a cut answer must not look whole
	}
	return err
}

// noted keeps the error of reading, which net/http does not tell.
type noted struct {
	io.ReadSeeker
	err error
}

func (n *noted) Read(b []byte) (int, error) {
	read, err := n.ReadSeeker.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // the contract of io.Reader
		n.err = err
	}
	return read, err
}

// howToServe decides by the first bytes, not by what the uploader said, whether it is a
// picture that may be shown.
func howToServe(file io.ReadSeeker, said string) (kind, disposition string, err error) {
	var first [512]byte
	n, err := io.ReadFull(file, first[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", "", fmt.Errorf("read file: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", "", fmt.Errorf("read file: %w", err)
	}
	if looks := http.DetectContentType(first[:n]); inline[looks] {
		return looks, "inline", nil
	}
	if bare, _, err := mime.ParseMediaType(said); err == nil && harmlessTypes[bare] {
		if bare == "text/csv" || bare == "text/plain" {
			bare += "; charset=utf-8"
		}
		return bare, "attachment", nil
	}
	return "application/octet-stream", "attachment", nil
}

func named(disposition, name string) string {
	if header := mime.FormatMediaType(disposition, map[string]string{"filename": name}); name != "" && header != "" {
		return header
	}
	return disposition
}

// serveContent serves ranges and conditions with net/http, and its errors as problems.
func serveContent(p *reply, r *http.Request, content io.ReadSeeker) error {
	w := &ranged{rolling: rolling{ResponseWriter: p, control: http.NewResponseController(p.ResponseWriter)}}
	_ = w.control.SetReadDeadline(time.Time{})
	defer func() { _ = w.control.SetWriteDeadline(time.Time{}) }()
	if unit, _, _ := strings.Cut(r.Header.Get("Range"), "="); strings.TrimSpace(unit) != "bytes" {
		r.Header.Del("Range") // RFC 9110, section 14.2: an unknown unit is ignored
	}
	http.ServeContent(w, r, "", time.Time{}, content)
	if w.refused != 0 {
		return &problem{Status: w.refused, Kind: kinds416(w.refused), Detail: "The file has no such range, or is not the one that was meant. Ask without Range."}
	}
	return nil
}

// ranged keeps what net/http would answer as plain text.
type ranged struct {
	rolling
	refused int
}

func (w *ranged) WriteHeader(status int) {
	if status >= 400 {
		w.refused = status
		return
	}
	w.rolling.WriteHeader(status)
}

func (w *ranged) Write(b []byte) (int, error) {
	if w.refused != 0 {
		return len(b), nil
	}
	return w.rolling.Write(b)
}

func kinds416(status int) string {
	if status == http.StatusRequestedRangeNotSatisfiable {
		return "no-such-range"
	}
	return "precondition-failed"
}
