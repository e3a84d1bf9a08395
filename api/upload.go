package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"daybook/files"
)

// upload answers POST /api/files: one file, as multipart or as the body itself.
func (a *API) upload(p *reply, r *http.Request) error {
	q, err := queryOf(r, "name")
	if err == nil {
		err = q.err()
	}
	if err != nil {
		return err
	}
	said := r.Header.Get("Content-Type")
	kind, parameters, err := mime.ParseMediaType(said)
	if said == "" {
		kind, err = "application/octet-stream", nil
	}
	if err != nil || strings.HasPrefix(kind, "multipart/") && kind != "multipart/form-data" {
		return unsupported("multipart/form-data", "the file itself")
	}
	multi := kind == "multipart/form-data"
	if r.ContentLength == 0 {
		return invalid("", "the body must be a file")
	}
	if !multi && r.ContentLength > a.MaxFile {
		return files.ErrTooLarge
	}
	body := &arriving{r: r.Body, control: http.NewResponseController(p.ResponseWriter)}
	var info files.Info
	if multi {
		info, err = a.storePart(r, body, parameters["boundary"])
	} else {
		name := q.text("name")
		if name == "" {
			name = "upload"
		}
		info, err = a.Files.Put(r.Context(), name, kind, body, a.MaxFile)
	}
	if err != nil {
		return uploadError(err)
	}
	answer, err := json.Marshal(info)
	if err != nil {
		return err
	}
	p.Header()["Location"] = []string{"/api/files/" + info.ID}
	return p.send(typeJSON, answer)
}

// storePart stores the one file of a form.
func (a *API) storePart(r *http.Request, body io.Reader, boundary string) (files.Info, error) {
	if boundary == "" {
		return files.Info{}, unsupported("multipart/form-data with a boundary")
	}
	form := multipart.NewReader(body, boundary)
	var info files.Info
	for stored := false; ; {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) && stored {
			return info, nil
		}
		if err != nil {
			return info, formError(err)
		}
		if part.FileName() == "" || stored {
			return info, invalid("/"+escapePointer(part.FormName()), "the form must hold one file and nothing else")
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			kind = "application/octet-stream"
		}
		info, err = a.Files.Put(r.Context(), part.FileName(), kind, formReader{part}, a.MaxFile)
		if err != nil {
			return info, err
		}
		stored = true
	}
}

// formReader marks errors of the form as the client's.
type formReader struct{ r io.Reader }

func (f formReader) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // the contract of io.Reader
		err = formError(err)
	}
	return n, err
}

// formError is what became of a form that does not end as it should.
func formError(err error) error {
	var late *arrivalError
	if errors.As(err, &late) {
		return late
	}
	return invalid("", "the form is malformed or holds no file; send one file as multipart/form-data")
}

// arriving is a body that must bring something every 30 s, however long it takes.
type arriving struct {
	r       io.Reader
	control *http.ResponseController
	set     time.Time // when the deadline was last moved
}

// arrivalError is an error of reading from the client.
type arrivalError struct{ err error }

func (e *arrivalError) Error() string { return "read body: " + e.err.Error() }
func (e *arrivalError) Unwrap() error { return e.err }

func (b *arriving) Read(into []byte) (int, error) {
	if now := time.Now(); now.Sub(b.set) > time.Second {
		b.set = now
		_ = b.control.SetReadDeadline(now.Add(patience))
	}
	n, err := b.r.Read(into)
	if err == io.EOF { //nolint:errorlint // the contract of io.Reader
		_ = b.control.SetReadDeadline(time.Time{}) // storing may take its time
	} else if err != nil {
		err = &arrivalError{err} // the deadline stays: the server must not wait for the rest
	}
	return n, err
}

func uploadError(err error) error {
	var late *arrivalError
	if errors.As(err, &late) {
		return bodyError(late.err)
	}
	return err
}
