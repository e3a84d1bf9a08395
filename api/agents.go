package api

import "net/http"

// ServeAgents makes h answer /mcp, by which agents use the API. It is called before the first request.
func (a *API) ServeAgents(h http.Handler) { a.agents = h }

// forAgents answers POST /mcp. The handler calls the API for what its tools do, and is told here only that the caller may read.
func (a *API) forAgents(p *reply, r *http.Request) error {
	if a.agents == nil {
		return notFound("This server has no tools for agents.")
	}
	a.agents.ServeHTTP(p, r)
	return nil
}
