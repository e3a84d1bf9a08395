package scheduler

import (
	"context"
	"encoding/json"
	"strings"

	"daybook/eventlog"
	"daybook/internal/jsontext"
	"daybook/projection"
)

// Visit is how a person who signed in with a token reached the server. What the person causes is followed by
// a token.used in the same commit, whose payload has the address and the browser: it can be erased, and the
// events stay. See docs/adr/0044.
type Visit struct {
	Token     string // its name
	Address   string // that the request came from: of the browser, or of the proxy before the server
	Forwarded string // whom the proxy names as the client, as it says; "" = nobody
	UserAgent string // what the browser says that it is
}

// most bytes of each text of a visit
const mostVisitText = 400

type visitKey struct{}

// WithVisit returns a context for the commands of a person.
func WithVisit(ctx context.Context, v Visit) context.Context {
	return context.WithValue(ctx, visitKey{}, &v)
}

// visitOf is the visit that a command is part of; nil for that of a program.
func visitOf(ctx context.Context) *Visit {
	v, _ := ctx.Value(visitKey{}).(*Visit)
	return v
}

// visited decides the request of a person. What it appends is followed by the event of the visit, at the
// end of the same entry. The views must know how many events the stream of the token has.
func (l *loop) visited(rd *round, r *request) {
	if l.othersUnderWay(rd) {
		l.backlog.again = append(l.backlog.again, input{request: r})
		return
	}
	before := len(rd.entries)
	l.decide(rd, r)
	if len(rd.entries) == before {
		return
	}
	stream := "token:" + r.visit.Token
	version := l.s.o.Views.StreamVersion(stream)
	if version == 0 {
		return // there is no such token: the request did not come in with it
	}
	for _, record := range rd.records[rd.latest().from:] {
		if record.Stream == stream {
			version = record.Version
		}
	}
	rd.addOther(&eventlog.Event{Stream: stream, Version: version + 1, Type: projection.TokenUsed, V: 1,
		Data: []byte("{}"), Payload: r.visit.payload(), HasPayload: true})
}

// payload is the payload of the event of the visit.
func (v *Visit) payload() []byte {
	text, _ := json.Marshal(struct { // strings always marshal
		Address   string `json:"address"`
		Forwarded string `json:"forwarded_for,omitempty"`
		UserAgent string `json:"user_agent,omitempty"`
	}{visitText(v.Address), visitText(v.Forwarded), visitText(v.UserAgent)})
	return text
}

func visitText(text string) string {
	text = jsontext.WithoutBidi(strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > mostVisitText {
		text = strings.ToValidUTF8(text[:mostVisitText], "") + "…"
	}
	return text
}
