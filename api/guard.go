package api

import (
	"net/http"
	"strings"
)

// guard refuses requests that the page of another site makes a browser send: those that reached
// this server under a host name that is not the server's (DNS rebinding), and cross-origin
// ones. A request without a host is not from a browser: it is a health check.
func (a *API) guard(r *http.Request) error {
	if !a.AnyHost && r.Host != "" && !loopback(r.Host) && !a.address.names[hostName(r.Host)] {
		name := plainHost(r.Host)
		return &problem{Status: http.StatusForbidden, Kind: "wrong-host",
			Detail: "This server does not answer to the host name " + name + ". If that is its name, start it with --public-url http://" + name +
				" (https, if that is how it is reached, and with the path, if it lies below one) or with --host " + name +
				". On its own machine it answers to localhost, 127.0.0.1 and [::1]."}
	}
	if err := a.origins.Check(r); err != nil {
		origin := "ORIGIN"
		if scheme, host, ok := strings.Cut(r.Header.Get("Origin"), "://"); ok && (scheme == "http" || scheme == "https") {
			origin = scheme + "://" + plainHost(host)
		}
		return &problem{Status: http.StatusForbidden, Kind: "cross-origin",
			Detail: "A page of another origin may not change anything here. Send the request from this server's own page, or without a browser. " +
				"If a proxy shows this server's page under " + origin + ", start the server with --public-url " + origin +
				"; if a front end of yours lies there, with --cors-origin " + origin + "."}
	}
	return nil
}

// plainHost is the host as the client sent it, if it is one that can be shown.
func plainHost(host string) string {
	const most = 100
	for i := 0; i < len(host); i++ {
		c := host[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte(".-_:[]", c) < 0 {
			return "NAME"
		}
	}
	if host == "" || len(host) > most {
		return "NAME"
	}
	return host
}

// loopback reports whether a Host header names this machine itself.
func loopback(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
		if !digits(host[i+1:]) {
			return false
		}
	}
	switch name {
	case "127.0.0.1", "localhost", "[::1]":
		return true
	}
	return strings.EqualFold(name, "localhost") || strings.EqualFold(name, "localhost.")
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
