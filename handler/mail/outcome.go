package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
)

// outcome is what became of the message to one recipient. It is saved.
type outcome struct {
	Recipient int    `json:"recipient"` // from 1
	Attempt   int    `json:"attempt"`
	At        string `json:"at"`
	Answer    string `json:"answer,omitempty"` // of the server that accepted it
	Error     string `json:"error,omitempty"`  // why it was refused

	putOff bool // the server may accept it later; not saved
}

// restore reads what became of messages in earlier attempts. A refusal holds until somebody retries
// the task.
func (m *messages) restore(ctx context.Context) error {
	saved, err := m.call.Saved(ctx)
	if err != nil {
		return err
	}
	for _, text := range saved {
		var o outcome
		if json.Unmarshal(text, &o) != nil || o.Recipient < 1 || o.Recipient > len(m.outcomes) {
			continue // of another version
		}
		if o.Error == "" || o.Attempt > m.call.BeforeRetry {
			m.outcomes[o.Recipient-1] = &o
		}
	}
	known := 0
	for _, o := range m.outcomes {
		if o != nil {
			known++
		}
	}
	if known > 0 {
		m.call.Log().Info("already accepted or refused in earlier attempts", "recipients", known)
	}
	return nil
}

// note reports the outcome, and saves it unless it may change. What was accepted is saved even if
// the attempt is to end.
func (m *messages) note(ctx context.Context, o *outcome, r recipient) error {
	percent := 100 * float64(o.Recipient) / float64(len(m.recipients))
	word, log := "sent", m.call.Log().With("email", r.Email)
	switch {
	case o.putOff:
		word = "put off"
		log.Warn("put off by the mail server", "answer", o.Error)
	case m.invalid[o.Recipient-1] != nil:
		word = "failed"
		log.Warn("not sent: the address is not valid", "reason", o.Error)
	case o.Error != "":
		word = "failed"
		log.Warn("refused by the mail server", "answer", o.Error)
	default:
		log.Info("accepted by the mail server", "answer", o.Answer)
	}
	message := fmt.Sprintf("%d of %d: %s %s", o.Recipient, len(m.recipients), word, r.Email)
	if o.putOff {
		m.call.Report(percent, message)
		return nil
	}
	return m.call.Save(context.WithoutCancel(ctx), percent, message, o)
}

// mayPass reports whether the server may accept the message later: it said so (4xx), or nothing.
func mayPass(err error) bool {
	answer, refused := errors.AsType[*textproto.Error](err)
	return refused && answer.Code < 500 || errors.Is(err, errMaybeSent)
}
