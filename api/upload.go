package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"daybook/eventlog"
	"daybook/files"
	"daybook/internal/jsontext"
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
	if !multi && r.ContentLength > a.MaxFile {
		return files.ErrTooLarge
	}
	if r.ContentLength == 0 {
		return errEmptyFile
	}
	body := a.uploaded(p, r)
	var info files.Info
	if multi {
		info, err = a.storePart(r, body, parameters["boundary"])
	} else {
		name := q.text("name")
		if name == "" {
			name = "upload"
		}
		info, err = a.Files.Put(r.Context(), name, kind, &notEmpty{r: body}, a.MaxFile)
	}
	if err != nil {
		return bodyError(err)
	}
	if err := a.moved(); err != nil { // else it is kept where nobody will find it
		return err
	}
	answer, err := json.Marshal(info)
	if err != nil {
		return err
	}
	p.Header()["Location"] = []string{p.reference("/api/files/" + info.ID)}
	return p.send(typeJSON, answer)
}

// uploaded is the body of an upload as it arrives.
func (a *API) uploaded(p *reply, r *http.Request) io.Reader {
	limitRaw(r, a.MaxFile)
	body := &arriving{r: r.Body}
	body.begin(p)
	return &fitting{r: body, log: a.Log}
}

// errEmptyFile is one rule for every way in: nothing can be done with an empty file, and most
// often it is a mistake, such as an export that failed.
var errEmptyFile = &problem{Status: http.StatusBadRequest, Kind: kindEmptyFile,
	Detail: "The file is empty: it has 0 bytes. Choose one that has something in it."}

// notEmpty reads a file, and fails when there is nothing in it.
type notEmpty struct {
	r     io.Reader
	begun bool
}

func (f *notEmpty) Read(into []byte) (int, error) {
	n, err := f.r.Read(into)
	if f.begun = f.begun || n > 0; err == io.EOF && !f.begun { //nolint:errorlint // the contract of io.Reader
		err = errEmptyFile
	}
	return n, err
}

// fitting ends an upload when the disk has no room left for it: what the log keeps free for
// the results of tasks is not for uploads either. It looks when the bytes are there, just
// before they are written: what was free when an upload began to wait for its client may
// have been used by others since.
type fitting struct {
	r     io.Reader
	log   eventlog.Log
	begun bool
}

func (f *fitting) Read(into []byte) (int, error) {
	if !f.begun && !f.log.HasRoom() { // do not wait for a body that cannot be stored
		return 0, files.ErrFull
	}
	f.begun = true
	n, err := f.r.Read(into)
	if n > 0 && !f.log.HasRoom() {
		return 0, files.ErrFull
	}
	return n, err
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
			return info, invalid("/"+jsontext.EscapePointer(part.FormName()), "the form must hold one file and nothing else")
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			kind = "application/octet-stream"
		}
		info, err = a.Files.Put(r.Context(), part.FileName(), kind, &notEmpty{r: formReader{part}}, a.MaxFile)
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

// formError is the error of a form that is incomplete or malformed.
func formError(err error) error {
	var late *arrivalError
	if errors.As(err, &late) || errors.Is(err, files.ErrFull) {
		return err
	}
	return invalid("", "the form is malformed or holds no file; send one file as multipart/form-data")
}
