package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// contentPolicy is what the pages may do: run what this server serves, and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed openapi.json
var openAPI []byte

//go:embed docs
var reference embed.FS

// pageTypes are the types of a page's files by their ending.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".woff2": "font/woff2",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
}

// page registers the dashboard: / is index.html, every other file has its own path.
func (a *API) page() error {
	var whole bool
	err := fs.WalkDir(a.Page, ".", func(name string, entry fs.DirEntry, err error) error {
		kind, known := pageTypes[path.Ext(name)]
		if err != nil || entry.IsDir() || !known {
			return err
		}
		body, err := fs.ReadFile(a.Page, name)
		if err != nil {
			return fmt.Errorf("read %s of the page: %w", name, err)
		}
		if name == "index.html" {
			a.handle("/", methods{"GET": asset(kind, body)})
			whole = true
		}
		a.handle("/"+literal(name), methods{"GET": asset(kind, body)})
		return nil
	})
	if err == nil && !whole {
		err = errors.New("the page has no index.html")
	}
	return err
}

// literal keeps the router from reading a file's name as a pattern.
func literal(name string) string { return strings.NewReplacer("{", "", "}", "").Replace(name) }

// docs registers the API reference, a page over /openapi.json.
func (a *API) docs() {
	for name, at := range map[string]string{"index.html": "/docs", "docs.js": "/docs/docs.js", "docs.css": "/docs/docs.css"} {
		body, err := reference.ReadFile("docs/" + name)
		if err != nil {
			panic("api: the reference lacks " + name) // the embed directive names the folder
		}
		a.handle(at, methods{"GET": asset(pageTypes[path.Ext(name)], body)})
	}
}

// asset serves bytes that do not change while the program runs.
func asset(kind string, body []byte) endpoint {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	return func(_ *API, p *reply, r *http.Request) error {
		h := p.Header()
		h.Set("Content-Type", kind)
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		return serveContent(p, r, bytes.NewReader(body))
	}
}
