package api

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// address holds the names under which clients reach this server, and the origins of pages that may
// write. Behind a proxy the host may be different, and the paths may have a prefix.
type address struct {
	base    string          // "/daybook"; "" = none
	escaped string          // base as it stands in a URL
	known   bool            // the public URL was configured
	https   bool            // and it is one of HTTPS
	names   map[string]bool // host names it answers to beside those of this machine
	cors    map[string]bool // origins of front ends elsewhere
	trusted []string        // origins whose pages may write
}

// BasePath is the prefix of all paths of the server, from PublicURL or BasePath, escaped as in a URL;
// "" = none. Errors say which of these options is wrong, before anything is opened.
func BasePath(o Options) (string, error) {
	a, err := newAddress(&o)
	return a.escaped, err
}

// newAddress reads the options. Errors say which of them is wrong and what it should be.
func newAddress(o *Options) (address, error) {
	a := address{names: map[string]bool{}, cors: map[string]bool{}}
	base := o.BasePath
	if o.PublicURL != "" {
		u, err := url.Parse(o.PublicURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return a, fmt.Errorf("the public URL %q is not of the form https://tasks.example/daybook", o.PublicURL)
		}
		if below := strings.TrimSuffix(u.Path, "/"); below != "" && base != "" && below != strings.TrimSuffix(base, "/") {
			return a, fmt.Errorf("the base path %q is not that of the public URL %q; leave one of them out", base, o.PublicURL)
		} else if below != "" {
			base = below
		}
		a.known, a.https = true, u.Scheme == "https"
		a.names[hostName(u.Host)] = true
		a.trusted = append(a.trusted, originOf(u))
	}
	if a.base = strings.TrimSuffix(base, "/"); a.base != "" && (a.base[0] != '/' || path.Clean(a.base) != a.base || strings.ContainsAny(a.base, `?#"<>\{} `)) {
		return a, fmt.Errorf("the base path %q is not of the form /daybook", base)
	}
	a.escaped = (&url.URL{Path: a.base}).EscapedPath()
	for _, host := range o.Hosts {
		u, err := url.Parse("http://" + host)
		if err != nil || u.Host != host || u.Hostname() == "" {
			return a, fmt.Errorf("the host %q is not of the form tasks.example or tasks.example:8443", host)
		}
		a.names[hostName(host)] = true
		a.trusted = append(a.trusted, originOf(u), originOf(&url.URL{Scheme: "https", Host: host}))
	}
	for _, origin := range o.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Contains(u.Host, "*") ||
			u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			return a, fmt.Errorf("the origin %q is not of the form https://app.example; each is named, * is not taken", origin)
		}
		a.cors[originOf(u)] = true
		a.trusted = append(a.trusted, originOf(u))
	}
	return a, nil
}

// hostName is the name in a Host header, without the port.
func hostName(host string) string {
	u := url.URL{Host: host}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}

// originOf writes an origin as browsers do: in lower case, without the usual port.
func originOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch {
	case u.Scheme == "http":
		host = strings.TrimSuffix(host, ":80")
	case u.Scheme == "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + host
}

// below removes the base path from the path of r, unless a proxy or the program has done
// so. It reports false for the base path without a slash at its end, which it needs: the addresses in
// the page are relative to it.
func (a *address) below(r *http.Request) (*http.Request, bool) {
	rest, raw := r.URL.Path, r.URL.RawPath
	if after, ok := strings.CutPrefix(rest, a.base); ok && (after == "" || after[0] == '/') {
		rest, raw = after, strings.TrimPrefix(raw, a.base)
	}
	if rest == "" || rest[0] != '/' { // of StripPrefix, which may take the slash too
		came, _, _ := strings.Cut(requestPath(r), "?")
		if rest == "" && !strings.HasSuffix(came, "/") {
			return r, false
		}
		rest, raw = "/"+rest, ""
	}
	if rest == r.URL.Path {
		return r, true
	}
	inner, u := *r, *r.URL
	u.Path, u.RawPath = rest, raw
	inner.URL = &u
	return &inner, true
}

// addSlash sends a browser from /daybook to /daybook/.
func addSlash(p *reply, r *http.Request) {
	to, query, _ := strings.Cut(requestPath(r), "?")
	to = strings.TrimRight(to, "/") + "/"
	if query != "" && len(to)+len(query) < mostLink { // the page reads none; a longer one would not pass a proxy
		to += "?" + query
	}
	p.Header()["Location"] = []string{to}
	p.WriteHeader(http.StatusPermanentRedirect)
}

// requestPath is the path and the query of the request as received, before a prefix was removed.
func requestPath(r *http.Request) string {
	if uri := r.RequestURI; strings.HasPrefix(uri, "/") {
		return uri
	}
	if u, err := url.Parse(r.RequestURI); err == nil && u.Path != "" { // http://host/path
		return u.RequestURI()
	}
	return r.URL.RequestURI()
}

// reference returns a path of this server as an answer to r names it, for Location and Link: with its
// prefix. A proxy does not say which prefix it removed, so behind one the path is relative to the
// request.
func (a *address) reference(r *http.Request, to string) string {
	if before := a.before(r); before != "" {
		return before + to
	}
	if !a.known && proxied(r) {
		return cmp.Or(strings.Repeat("../", strings.Count(r.URL.EscapedPath(), "/")-1)+to[1:], "./")
	}
	return to
}

// before is what is known to stand before the paths of this server, "" = nothing: the base
// path, or what the program took from the path of r before it called this handler.
func (a *address) before(r *http.Request) string {
	if a.base != "" {
		return a.escaped
	}
	came, _, _ := strings.Cut(requestPath(r), "?")
	before, ok := strings.CutSuffix(came, r.URL.EscapedPath())
	if !ok {
		return ""
	}
	return strings.TrimSuffix(before, "/")
}

// instance is the path of the request as the client knows it, as far as that is known.
func (a *address) instance(r *http.Request) string {
	came, _, _ := strings.Cut(requestPath(r), "?")
	if after, ok := strings.CutPrefix(came, a.escaped); strings.HasPrefix(came, "/") && (!ok || after != "" && after[0] != '/') {
		return a.escaped + came // a proxy took the base path away
	}
	return came
}

// proxied reports whether the request shows that a proxy passed it on.
func proxied(r *http.Request) bool {
	if r.ProtoMajor == 1 && r.ProtoMinor == 0 {
		return true // nginx, by default
	}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "Via"} {
		if r.Header[name] != nil {
			return true
		}
	}
	return false
}

const (
	corsHeaders = "Authorization, Content-Type, Content-Encoding, Idempotency-Key, Prefer, Last-Event-ID, Accept, Range, If-Match, If-None-Match, If-Range"
	corsExposed = "Link, Location, X-Total-Count, X-Total-Count-Relation, X-Search-Truncated, X-Log-Seq, Retry-After, WWW-Authenticate, " +
		"Idempotent-Replayed, Idempotent-Replayed-Items, Unique-Returned, Unique-Returned-Items, Unique-Replaced, Preference-Applied, Content-Disposition, ETag"
	corsMaxAge = "7200" // seconds that a browser may remember the answer; the most that Chromium does
)

// share lets a page of a named origin read the answer. It reports whether r was only asking
// for that, and has been answered.
func (a *API) share(p *reply, r *http.Request) bool {
	p.varies = true
	origin := r.Header.Get("Origin")
	if !a.address.cors[origin] {
		return false
	}
	h := p.Header()
	h["Access-Control-Allow-Origin"] = []string{origin}
	if r.Method != http.MethodOptions || r.Header["Access-Control-Request-Method"] == nil {
		h["Access-Control-Expose-Headers"] = []string{corsExposed}
		return false
	}
	allow := a.find(r, p).allow
	h["Access-Control-Allow-Methods"] = []string{strings.Join(allow, ", ")}
	h["Access-Control-Allow-Headers"] = []string{corsHeaders}
	h["Access-Control-Max-Age"] = []string{corsMaxAge}
	p.WriteHeader(http.StatusNoContent)
	return true
}
