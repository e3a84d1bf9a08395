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

// Take reads the body of a request that another node answers; release is to be called when it is not needed any more. It refuses
// requests of a wrong host, of another origin and with a body that is too large or too slow; and with more than a small body,
// those whose sender may not make them. Of a small one the node that answers says so, which may know tokens that are not known here yet.
func (a *API) Take(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	p := reply{ResponseWriter: w, address: &a.address, request: r}
	buffer := borrow()
	free := func() {
		p.releaseMemory()
		giveBack(buffer)
	}
	defer func() {
		if err != nil {
			free()
		}
	}()
	if err := a.guard(r); err != nil {
		return nil, nil, err
	}
	if r.ContentLength < 0 || r.ContentLength > smallBody {
		inner, _ := a.address.below(r)
		if err := a.admit(&p, inner, a.find(inner, &p)); err != nil {
			return nil, nil, err
		}
	}
	if err := a.readInto(&p, r, buffer, MaxPassed, 1); err != nil {
		return nil, nil, err
	}
	return *buffer, free, nil
}

// MaxPassed is the largest body that a node passes on to another one, in bytes.
const MaxPassed = 24 << 20

// Refuse answers with the problem that an error is.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := reply{ResponseWriter: w, reads: r.Method == http.MethodGet, answers: &a.answers, accepts: r.Header["Accept-Encoding"], address: &a.address, request: r}
	a.refuse(&p, r, err)
	p.finish()
}
