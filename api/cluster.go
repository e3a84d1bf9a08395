package api

import (
	"encoding/json"
	"net/http"
)

// kindClusterRefused is the problem of a cluster that cannot be changed so.
const kindClusterRefused = "cluster-refused"

// cluster answers GET /api/cluster.
func (a *API) cluster(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	p.shows(a.Views.Seq())
	if a.Cluster == nil {
		return p.send(typeJSON, []byte(`{"name":null,"node":null,"leader":null,"leading":true,"nodes":[],"stream":null,"missing":[]}`))
	}
	text, err := json.Marshal(a.Cluster(r.Context()))
	if err != nil {
		return err
	}
	return p.send(typeJSON, text)
}

// addNode answers PUT /api/cluster/nodes/{name}.
func (a *API) addNode(p *reply, r *http.Request) error { return a.changeCluster(p, r, true) }

// removeNode answers DELETE /api/cluster/nodes/{name}.
func (a *API) removeNode(p *reply, r *http.Request) error { return a.changeCluster(p, r, false) }

func (a *API) changeCluster(p *reply, r *http.Request, add bool) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := a.noBody(p, r); err != nil {
		return err
	}
	if a.ChangeCluster == nil {
		return &problem{Status: http.StatusConflict, Kind: kindClusterRefused, Detail: "This server belongs to no cluster. Start it as a node of one: see docs/cluster.md."}
	}
	change, refused, err := a.ChangeCluster(r.Context(), p.id, add)
	if err != nil {
		return err
	}
	if refused != "" {
		return &problem{Status: http.StatusConflict, Kind: kindClusterRefused, Detail: refused}
	}
	a.Logger.Info("cluster is changed", "node", p.id, "add", add, "by", p.caller.actor())
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	return p.send(typeJSON, text)
}
