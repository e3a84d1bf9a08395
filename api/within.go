package api

import (
	"context"
	"net/http"
)

// nodeKey is of the mark of a request that a node of the cluster sends: whether it asks for itself, and may do everything.
type nodeKey struct{}

// Within marks a request that another node has passed on, or, if node is not "", that a node sends for itself.
func (a *API) Within(ctx context.Context, node string) context.Context {
	return context.WithValue(ctx, nodeKey{}, node != "")
}

// isWithin reports whether a node of the cluster has sent a request.
func isWithin(r *http.Request) bool {
	_, marked := r.Context().Value(nodeKey{}).(bool)
	return marked
}

// ofNode reports whether a node of the cluster asks for itself.
func ofNode(r *http.Request) bool {
	own, _ := r.Context().Value(nodeKey{}).(bool)
	return own
}

// Guard refuses requests of a wrong host or of another origin.
func (a *API) Guard(r *http.Request) error { return a.guard(r) }

// Refuse answers with the problem that an error is.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := reply{ResponseWriter: w, reads: r.Method == http.MethodGet, answers: &a.answers, accepts: r.Header["Accept-Encoding"], address: &a.address, request: r}
	a.refuse(&p, r, err)
	p.finish()
}
