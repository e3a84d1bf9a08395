package cluster

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
)

// chunk is the most of a body that one message has, in bytes.
const chunk = 512 << 10

// A request on its way to another node is a message with a head and the beginning of the body; the rest follows, in
// messages of its own, when the other node has said where to. The answer comes the same way.
type (
	requestHead struct {
		Method string      `json:"method"`
		URI    string      `json:"uri"`
		Host   string      `json:"host"`
		Remote string      `json:"remote"`
		Header http.Header `json:"header"`
		Node   string      `json:"node,omitempty"` // the node that sends it for itself, "" = it passes on somebody's
		Size   int         `json:"size"`           // of the body
		Cancel string      `json:"cancel"`         // subject that tells that nobody waits any more
	}
	answerHead struct {
		Status int         `json:"status,omitempty"`
		Header http.Header `json:"header,omitempty"`
		Size   int         `json:"size"`
		More   string      `json:"more,omitempty"` // where the rest of the request goes; then it is no answer yet
	}
)

// Errors of pass.
var (
	// errNotThere: the node did not get the request. Nothing happened.
	errNotThere = errors.New("the node does not answer")
	// errCutOff: the node may have carried out the request.
	errCutOff = errors.New("the node has not answered, and may have carried out the request")
)

// appendHead appends a head with its length before it, and the beginning of a body.
func appendHead(head any, body []byte) []byte {
	text, _ := json.Marshal(head) // of texts and numbers
	message := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)+min(len(body), chunk)), uint32(len(text)))
	message = append(message, text...)
	return append(message, body[:min(len(body), chunk)]...)
}

// parseHead reads what appendHead makes.
func parseHead(message []byte, head any) (rest []byte, err error) {
	if len(message) < 4 {
		return nil, io.ErrUnexpectedEOF
	}
	n := int64(binary.BigEndian.Uint32(message))
	if n > int64(len(message)-4) {
		return nil, io.ErrUnexpectedEOF
	}
	return message[4+n:], json.Unmarshal(message[4:4+n], head)
}

func (n *Node) subjectOf(node string) string { return "daybook." + n.o.name() + ".http." + node }

// pass sends a request to another node and returns its answer. Errors: errNotThere, errCutOff, ctx's.
func (n *Node) pass(ctx context.Context, node, as string, r *http.Request, body []byte) (*Answer, error) {
	inbox := n.conn.NewInbox()
	answers := make(chan *nats.Msg, 256)
	heard, err := n.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotThere, err)
	}
	defer func() { _ = heard.Unsubscribe() }()
	head := requestHead{Method: r.Method, URI: r.URL.RequestURI(), Host: r.Host, Remote: r.RemoteAddr, Header: r.Header, Node: as,
		Size: len(body), Cancel: inbox + ".cancel"}
	if err := n.conn.PublishRequest(n.subjectOf(node), inbox, appendHead(head, body)); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotThere, err)
	}
	rest := body[min(len(body), chunk):]
	silent := time.NewTicker(time.Second)
	defer silent.Stop()
	var answer *Answer
	size := 0
	for {
		var message *nats.Msg
		select {
		case message = <-answers:
		case <-ctx.Done():
			_ = n.conn.Publish(head.Cancel, nil)
			return nil, ctx.Err()
		case <-silent.C:
			if b, ok := n.beats.of(node); !ok || b.Stopped || time.Since(b.heard) > silentAfter {
				return nil, errCutOff
			}
			continue
		}
		if len(message.Data) == 0 && message.Header.Get("Status") == "503" {
			return nil, errNotThere
		}
		data := message.Data
		if answer == nil {
			var h answerHead
			if data, err = parseHead(message.Data, &h); err != nil {
				return nil, fmt.Errorf("%w: %w", errCutOff, err)
			}
			if h.More != "" {
				for ; len(rest) > 0; rest = rest[min(len(rest), chunk):] {
					if err := n.conn.Publish(h.More, rest[:min(len(rest), chunk)]); err != nil {
						return nil, fmt.Errorf("%w: %w", errCutOff, err)
					}
				}
				continue
			}
			answer, size = NewAnswer(), h.Size
			for name, values := range h.Header {
				answer.Header()[name] = values
			}
			answer.Code = h.Status
		}
		answer.Body.Write(data)
		if answer.Body.Len() >= size {
			return answer, nil
		}
	}
}

// answerOthers answers the requests that other nodes pass on. stop ends that.
func (n *Node) answerOthers(do func(as string, w *Answer, r *http.Request)) (stop func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	heard, err := n.conn.Subscribe(n.subjectOf(n.o.Node), func(m *nats.Msg) { go n.answerOne(ctx, m, do) })
	if err != nil {
		cancel()
		return nil, err
	}
	return func() {
		_ = heard.Unsubscribe()
		cancel()
	}, nil
}

func (n *Node) answerOne(ctx context.Context, m *nats.Msg, do func(as string, w *Answer, r *http.Request)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var head requestHead
	body, err := parseHead(m.Data, &head)
	if err != nil || m.Reply == "" {
		n.logger.Error("a request of another node cannot be read", "error", err)
		return
	}
	over, err := n.conn.Subscribe(head.Cancel, func(*nats.Msg) { cancel() })
	if err != nil {
		return
	}
	defer func() { _ = over.Unsubscribe() }()
	if len(body) < head.Size {
		if body, err = n.readRest(ctx, m.Reply, body, head.Size); err != nil {
			n.logger.Error("a request of another node is not whole", "error", err)
			return
		}
	}
	r, err := http.NewRequestWithContext(ctx, head.Method, head.URI, bytes.NewReader(body))
	if err != nil {
		n.logger.Error("a request of another node cannot be read", "error", err)
		return
	}
	r.RequestURI, r.Host, r.RemoteAddr, r.Header = head.URI, head.Host, head.Remote, head.Header
	if r.Header == nil {
		r.Header = http.Header{}
	}
	w := NewAnswer()
	do(head.Node, w, r)
	answer := w.Body.Bytes()
	_ = n.conn.Publish(m.Reply, appendHead(answerHead{Status: w.status(), Header: w.Header(), Size: len(answer)}, answer))
	for rest := answer[min(len(answer), chunk):]; len(rest) > 0; rest = rest[min(len(rest), chunk):] {
		_ = n.conn.Publish(m.Reply, rest[:min(len(rest), chunk)])
	}
}

// readRest asks for the rest of a body and reads it.
func (n *Node) readRest(ctx context.Context, from string, body []byte, size int) ([]byte, error) {
	inbox := n.conn.NewInbox()
	pieces := make(chan *nats.Msg, size/chunk+1)
	heard, err := n.conn.ChanSubscribe(inbox, pieces)
	if err != nil {
		return nil, err
	}
	defer func() { _ = heard.Unsubscribe() }()
	if err := n.conn.Publish(from, appendHead(answerHead{More: inbox}, nil)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	whole := make([]byte, len(body), size)
	copy(whole, body)
	for len(whole) < size {
		select {
		case m := <-pieces:
			whole = append(whole, m.Data...)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return whole, nil
}
