package api

import (
	"context"
	"net/http"
)

// sender says which node of the cluster has sent a request.
type sender struct {
	own bool // it asks for itself, and may do everything
}

type senderKey struct{}

// Within marks a request that another node has passed on, or, if node is not "", that a node sends for itself.
func (a *API) Within(ctx context.Context, node string) context.Context {
	return context.WithValue(ctx, senderKey{}, sender{own: node != ""})
}

func senderOf(r *http.Request) (s sender, marked bool) {
	s, marked = r.Context().Value(senderKey{}).(sender)
	return s, marked
}

// ofNode reports whether a node of the cluster asks for itself.
func ofNode(r *http.Request) bool {
	s, _ := senderOf(r)
	return s.own
}

// Guard refuses requests of a wrong host or of another origin.
func (a *API) Guard(r *http.Request) error { return a.guard(r) }

// Refuse answers with the problem that an error is.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := reply{ResponseWriter: w, reads: r.Method == http.MethodGet, answers: &a.answers, accepts: r.Header["Accept-Encoding"], address: &a.address, request: r}
	a.refuse(&p, r, err)
	p.finish()
}
