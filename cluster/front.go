package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/scheduler"
)

// API is the HTTP API of this node.
type API interface {
	http.Handler
	// Take reads the body of a request that this node passes on, and refuses what no node may answer: a wrong host, another
	// origin, a large body of somebody who may not send it.
	Take(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error)
	// Refuse answers with an error.
	Refuse(w http.ResponseWriter, r *http.Request, err error)
	// Within marks a request that a node passes on, or sends for itself.
	Within(ctx context.Context, node string) context.Context
}

const (
	// leadPatience is how long a write waits for somebody to lead.
	leadPatience = 15 * time.Second
	// viewPatience is how long the answer to a write waits for the views of this node.
	viewPatience = 5 * time.Second
)

// Front answers requests from outside: reads by this node, writes by the node that leads. An answer comes when this node
// shows what it says. base is the path before all of the server's.
func (n *Node) Front(api API, base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leader, _, _ := n.leader()
		w.Header()["X-Leader"] = []string{leader}
		if !forLeader(r.Method, strings.TrimPrefix(r.URL.Path, strings.TrimSuffix(base, "/"))) {
			api.ServeHTTP(w, r)
			return
		}
		body, release, err := api.Take(w, r)
		if err != nil {
			api.Refuse(w, r, err)
			return
		}
		defer release()
		n.write(api, w, r, body, "")
	})
}

// Own answers requests of this node itself, such as those of its worker.
func (n *Node) Own(api API) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			api.Refuse(w, r, err)
			return
		}
		n.write(api, w, r, body, n.o.Node)
	})
}

// Answer answers the requests that other nodes pass on, until stop is called.
func (n *Node) Answer(api API) (stop func(), err error) {
	return n.answerOthers(func(as string, w *Answer, r *http.Request) {
		n.decide(api, w, r, as)
	})
}

// decide answers a request by the scheduler of this node, and says up to where the log has what it answers. Where nothing was appended, the answer
// is not true any more if another node leads already: then that one is to answer. What was appended needs no such look, the log has taken it.
func (n *Node) decide(api API, w *Answer, r *http.Request, as string) {
	api.ServeHTTP(w, r.WithContext(api.Within(r.Context(), as)))
	if appendedNothing(r, w) {
		if err := n.stillLeads(r.Context()); err != nil {
			*w = *NewAnswer()
			api.Refuse(w, r, err)
		}
	}
	if w.Header().Get("X-Log-Seq") == "" {
		w.Header().Set("X-Log-Seq", strconv.FormatInt(n.views.Seq(), 10))
	}
}

// appendedNothing reports whether an answer rests on no event that was appended for it, and may be untrue if another node leads: a refusal, which
// leases of a worker go on, and that there is no work or that its reports are refused.
func appendedNothing(r *http.Request, w *Answer) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	return w.Code >= 400 && w.Code < 500 || strings.HasSuffix(path, "/beat") || strings.HasSuffix(path, "/heartbeat") ||
		strings.HasSuffix(path, "/api/leases") && w.Header().Get("X-Log-Seq") == ""
}

// stillLeads looks in the stream whether this node still leads. Errors: scheduler.ErrLeadLost, also if that cannot be known.
func (n *Node) stillLeads(ctx context.Context) error {
	lead := n.views.Lead()
	if term, _ := n.leads(); term == 0 || term != lead.Term {
		return scheduler.ErrLeadLost
	}
	if err := n.log.CatchUp(ctx); err != nil {
		return fmt.Errorf("%w: %w", scheduler.ErrLeadLost, err)
	}
	page, err := n.log.Read(ctx, lead.Seq, eventlog.Filter{Types: []string{"server.led"}}, 1)
	if err == nil && len(page.Events) == 0 {
		return nil
	}
	return errors.Join(scheduler.ErrLeadLost, err)
}

// forLeader reports whether the leader answers a request: a write, or what only its memory has.
func forLeader(method, path string) bool {
	path = strings.TrimSuffix(path, "/")
	if method == http.MethodGet || method == http.MethodHead {
		return path == "/api/workers"
	}
	return method != http.MethodOptions && path != "/api/files" && strings.HasPrefix(path, "/api/")
}

// leader is the node that leads, "" = none is known; moved is closed when that may have changed.
func (n *Node) leader() (node string, here bool, moved <-chan struct{}) {
	term, moved := n.leads()
	if !n.hasMajority() {
		return "", false, moved // what anybody decided could not be appended
	}
	if term > 0 {
		return n.o.Node, true, moved
	}
	if b, ok := n.beats.leading(); ok && time.Since(b.heard) < silentAfter {
		return b.Node, false, moved
	}
	return "", false, moved
}

// write has the leader answer a request. as is this node if it asks for itself.
func (n *Node) write(api API, w http.ResponseWriter, r *http.Request, body []byte, as string) {
	until := time.Now().Add(leadPatience)
	for {
		leader, here, moved := n.leader()
		var answer *Answer
		err := errNotThere
		switch {
		case here:
			answer, err = NewAnswer(), nil
			r.Body = io.NopCloser(bytes.NewReader(body))
			n.decide(api, answer, r, as)
		case leader != "":
			answer, err = n.pass(r.Context(), leader, as, r, body)
		}
		switch {
		case err == nil && !isUndecided(answer):
			n.answerWith(w, r, answer, leader)
			return
		case errors.Is(err, errCutOff):
			api.Refuse(w, r, fmt.Errorf("%w: %w", eventlog.ErrUnknown, err))
			return
		case r.Context().Err() != nil:
			api.Refuse(w, r, r.Context().Err())
			return
		case time.Now().After(until):
			api.Refuse(w, r, scheduler.ErrLeadLost)
			return
		}
		select { // nothing happened: whoever leads next decides it
		case <-moved:
		case <-time.After(tick):
		case <-r.Context().Done():
		}
	}
}

// isUndecided reports whether an answer says that nothing happened because the node does not lead.
func isUndecided(answer *Answer) bool {
	if answer.Code != http.StatusServiceUnavailable {
		return false
	}
	body := answer.Body.Bytes()
	return bytes.Contains(body, []byte(`#not-leader"`)) || bytes.Contains(body, []byte(`#not-running"`))
}

// answerWith answers when the views of this node show what the answer says.
func (n *Node) answerWith(w http.ResponseWriter, r *http.Request, answer *Answer, leader string) {
	if seq, err := strconv.ParseInt(answer.Header().Get("X-Log-Seq"), 10, 64); err == nil && !n.isHalted() {
		ctx, cancel := context.WithTimeout(r.Context(), viewPatience)
		_ = n.views.Await(ctx, seq) // then it shows the answer a little later
		cancel()
	}
	header := w.Header()
	for name, values := range answer.Header() {
		header[name] = values
	}
	header["X-Leader"] = []string{leader}
	w.WriteHeader(answer.status())
	_, _ = w.Write(answer.Body.Bytes()) // a client that is gone needs no answer
}
