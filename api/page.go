package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// contentPolicy lets the pages load and run only what this server serves.
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

// folder is the address of the page's files. It has a hash of their content, so that they can
// be cached forever and a newer program has other addresses. They name each other by relative
// paths.
const folder = "static/"

// page registers the dashboard and the reference: / and /docs are HTML, everything that they load is in the folder.
func (a *API) page() error {
	parts, err := a.pageParts()
	if err != nil {
		return err
	}
	index, whole := parts["index.html"]
	if !whole {
		return errors.New("the page has no index.html")
	}
	signIn := preload(oneSheet(parts["sign-in.html"], parts, "css/signin.page.css"), parts)
	index = preload(oneSheet(index, parts, "css/page.css"), parts)
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(parts[name]), parts[name])
	}
	version := hex.EncodeToString(sum.Sum(nil)[:8])
	base := folder + version + "/"
	served := map[string]endpoint{}
	for name, body := range parts {
		if path.Ext(name) != ".html" {
			served[version+"/"+name] = asset(pageTypes[path.Ext(name)], forEver, body)
		}
	}
	a.handle("/", methods{"GET": asset(pageTypes[".html"], always, pointInto(index, parts, base))})
	a.handle("/sign-in", a.signInPage(pointInto(signIn, parts, base)))
	docs := pointInto(parts["docs/index.html"], parts, base)
	plain, slashed := asset(pageTypes[".html"], always, docs), asset(pageTypes[".html"], always, oneUp(docs))
	a.handle("/docs", methods{"GET": func(a *API, p *reply, r *http.Request) error {
		if strings.HasSuffix(r.URL.Path, "/") { // the browser counts relative addresses from here
			return slashed(a, p, r)
		}
		return plain(a, p, r)
	}})
	a.handle("/"+folder+"{id:.+}", methods{"GET": func(a *API, p *reply, r *http.Request) error {
		if serve := served[p.id]; serve != nil {
			return serve(a, p, r)
		}
		return notFound("There is no such file in this version of the page. Load the page again.")
	}})
	if icon, ok := parts["favicon.svg"]; ok {
		a.handle("/favicon.svg", methods{"GET": asset(pageTypes[".svg"], always, icon)})
	}
	return nil
}

// pageParts reads the files of the dashboard, and those of the reference under docs/.
func (a *API) pageParts() (map[string][]byte, error) {
	parts := map[string][]byte{}
	for prefix, files := range map[string]fs.FS{"": a.Page, "docs/": reference} {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if _, known := pageTypes[path.Ext(name)]; err != nil || entry.IsDir() || !known {
				return err
			}
			body, err := fs.ReadFile(files, name)
			if err != nil {
				return fmt.Errorf("read %s of the page: %w", name, err)
			}
			parts[prefix+strings.TrimPrefix(name, prefix)] = body
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return parts, nil
}

var sheet = regexp.MustCompile(`\s*<link rel="stylesheet" href="([^"]+)">`)

// oneSheet makes one style sheet, of that name, of those that a page names, in their order.
func oneSheet(html []byte, parts map[string][]byte, name string) []byte {
	var all []byte
	for _, found := range sheet.FindAllSubmatch(html, -1) {
		all = append(append(all, parts[string(found[1])]...), '\n')
	}
	if all == nil {
		return html
	}
	parts[name] = all
	first := true
	return sheet.ReplaceAllFunc(html, func([]byte) []byte {
		if !first {
			return nil
		}
		first = false
		return []byte("\n  <link rel=\"stylesheet\" href=\"" + name + "\">")
	})
}

var (
	entry    = regexp.MustCompile(`\s*<script type="module" src="([^"]+)"></script>`)
	imported = regexp.MustCompile(`(?m)^(?:import|export)\b[^;"]*"(\.[^"]+)";`)
)

// preload names in a page all modules that its script imports, directly or not, so that the
// browser fetches them at once and not when it finds each import. Dynamic imports are left
// out.
func preload(html []byte, parts map[string][]byte) []byte {
	return entry.ReplaceAllFunc(html, func(script []byte) []byte {
		first := string(entry.FindSubmatch(script)[1])
		all := []string{first}
		for i := 0; i < len(all); i++ {
			for _, found := range imported.FindAllSubmatch(parts[all[i]], -1) {
				name := path.Join(path.Dir(all[i]), string(found[1]))
				if _, ok := parts[name]; ok && !slices.Contains(all, name) {
					all = append(all, name)
				}
			}
		}
		var out []byte
		for _, name := range all[1:] {
			out = fmt.Appendf(out, "\n  <link rel=\"modulepreload\" href=\"%s\">", name)
		}
		return append(out, script...)
	})
}

// link is a relative address in HTML.
var link = regexp.MustCompile(` (href|src)="([^"#:?]+)"`)

// pointInto makes the links of a page to its parts point into the folder. They stay
// relative: a proxy may serve all of this under a path.
func pointInto(html []byte, parts map[string][]byte, base string) []byte {
	return link.ReplaceAllFunc(html, func(found []byte) []byte {
		at := link.FindSubmatch(found)
		if _, ok := parts[string(at[2])]; !ok {
			return found
		}
		return fmt.Appendf(nil, ` %s="%s%s"`, at[1], base, at[2])
	})
}

// oneUp makes the relative links of a page right for an address with a slash at its end.
func oneUp(html []byte) []byte { return link.ReplaceAll(html, []byte(` $1="../$2"`)) }

// caching is what a browser may do with an asset.
type caching string

const (
	always  caching = "no-cache" // look whether it changed
	forEver caching = "public, max-age=31536000, immutable"
)

// describe serves the description of the API, with the prefix of its path as the path of its
// server.
func describe(document []byte) endpoint {
	kind := pageTypes[".json"]
	root := asset(kind, always, document)
	var mu sync.Mutex
	var latest string  // guarded by mu; a path that stood before
	var there endpoint // guarded by mu; the document with it
	return func(a *API, p *reply, r *http.Request) error {
		path := a.address.before(r)
		if path == "" {
			return root(a, p, r)
		}
		mu.Lock()
		if path != latest {
			url, _ := json.Marshal(path) // a string always encodes
			latest, there = path, asset(kind, always, bytes.Replace(document, []byte(rootServer), []byte(`"url": `+string(url)+`,`), 1))
		}
		serve := there
		mu.Unlock()
		return serve(a, p, r)
	}
}

// rootServer is the part of openapi.json that says that its paths have no prefix.
const rootServer = `"url": "/",`

// asset serves bytes that do not change while the program runs, compressed once.
func asset(kind string, keep caching, body []byte) endpoint {
	sum := sha256.Sum256(body)
	tag := hex.EncodeToString(sum[:12])
	document := kind != pageTypes[".js"] && kind != pageTypes[".css"]
	packed := sync.OnceValue(func() []byte { return pack(body) })
	return func(_ *API, p *reply, r *http.Request) error {
		h := p.Header()
		h.Set("Content-Type", kind)
		if document { // else the policy of the page that it is part of holds
			h.Set("Content-Security-Policy", contentPolicy)
			h.Set("Referrer-Policy", "no-referrer")
			h.Set("X-Frame-Options", "DENY")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
		}
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", string(keep))
		h.Add("Vary", "Accept-Encoding")
		e := unpacked
		if r.Header["Range"] == nil && len(body) >= leastCompressed { // ranges are of the file as it is
			e = acceptedEncoding(p.accepts, gzipped)
		}
		if e == unpacked {
			h.Set("ETag", `"`+tag+`"`)
			return serveContent(p, r, bytes.NewReader(body))
		}
		small := packed()
		h.Set("ETag", `"`+tag+"-"+string(e)+`"`)
		h.Set("Content-Encoding", string(e))
		h.Set("Content-Length", strconv.Itoa(len(small)))
		return serveContent(p, r, bytes.NewReader(small))
	}
}
