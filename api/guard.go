package api

import (
	"net/http"
	"strings"
)

// guard refuses requests that a foreign page makes a browser send: one that reached
// this server under a name of its own (DNS rebinding), or that crosses origins.
func (a *API) guard(r *http.Request) error {
	if !a.AnyHost && !loopback(r.Host) {
		return &problem{Status: http.StatusForbidden, Kind: "wrong-host",
			Detail: "This server answers to localhost, 127.0.0.1 and [::1] only. Use one of them, or start it with --insecure."}
	}
	if err := a.origins.Check(r); err != nil {
		return &problem{Status: http.StatusForbidden, Kind: "cross-origin",
			Detail: "A page of another origin may not change anything here. Send the request from this server's own page, or without a browser."}
	}
	return nil
}

// loopback tells whether a Host header names this machine itself.
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
