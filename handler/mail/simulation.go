// Package mail is the types EMAIL, which sends through an SMTP server, and EMAIL_SIMULATION, which
// delivers messages from templates to a server inside the process.
package mail

import (
	"context"
	_ "embed" // the schemas
	"encoding/json"
	"errors"
	"fmt"
	"net/textproto"
	"time"
	"unicode/utf8"

	"daybook/handler"
	"daybook/task"

	"github.com/wneessen/go-mail"
)

// Simulation is the type EMAIL_SIMULATION. It renders messages from templates and delivers each in a real SMTP conversation
// to a server inside this process. No message leaves it, whatever the address.
type Simulation struct{}

//go:embed parameters.json
var parametersSchema []byte

//go:embed result.json
var resultSchema []byte

// Spec describes EMAIL_SIMULATION.
func (Simulation) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:  "EMAIL_SIMULATION",
		Title: "E-mail simulation",
		Description: "Writes a message to each recipient from templates and delivers it over SMTP to a server " +
			"inside Daybook, which checks and discards it. Nothing leaves the process.",
		ParametersSchema: parametersSchema,
		ResultSchema:     resultSchema,
	}
}

// Run delivers the messages. A refused or malformed address is a failed recipient, not a failed
// task; a template or a sender that cannot be used is a permanent error, before anything is sent.
func (Simulation) Run(ctx context.Context, call handler.Call) (any, error) {
	m, err := newMailing(ctx, call)
	if err != nil {
		return nil, err
	}
	server := startServer()
	defer server.stop()
	sender := newSender("localhost", server.dial, mail.WithTLSPolicy(mail.NoTLS))
	defer sender.close()
	return m.run(ctx, sender)
}

// parameters are those of the task.
type parameters struct {
	RecipientCount float64  `json:"recipient_count"` // whole, but it may be written 5.0 or 1e3
	Recipients     []string `json:"recipients"`      // instead of RecipientCount
	DelayPerEmail  float64  `json:"delay_per_email"`
	Subject        string   `json:"subject"`
	Body           string   `json:"body"`
	From           string   `json:"from"`
}

type mailingResult struct {
	TotalEmails  int               `json:"total_emails"`
	SentEmails   int               `json:"sent_emails"`
	FailedEmails int               `json:"failed_emails"`
	Recipients   []recipientResult `json:"recipients"`
}

// Outcome says how many were sent, and how many could not be.
func (r mailingResult) Outcome() (string, bool) {
	return handler.Outcome(handler.Number(int64(r.SentEmails))+" sent", int64(r.FailedEmails), "failed")
}

// Subject says how many messages are sent, and the template of their subject.
func (Simulation) Subject(text json.RawMessage, _ map[string]string) string {
	m := mailing{}
	if json.Unmarshal(text, &m.params) != nil {
		return ""
	}
	return handler.Count(int64(m.total()), "recipient") + ": " + m.params.Subject
}

type recipientResult struct {
	Email     string  `json:"email"`
	Status    string  `json:"status"` // "sent" or "failed"
	Timestamp string  `json:"timestamp"`
	Error     *string `json:"error"`
}

// mailing is one attempt's messages.
type mailing struct {
	call   handler.Call
	params parameters
	letter *letter
	from   address
}

// newMailing reads the parameters and renders every message once, so that a template that fails
// for one recipient fails before any message is sent.
func newMailing(ctx context.Context, call handler.Call) (*mailing, error) {
	m := &mailing{call: call}
	if err := json.Unmarshal(call.Parameters, &m.params); err != nil {
		return nil, handler.Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	var err error
	if m.from, err = parseAddress(m.params.From); err != nil {
		return nil, handler.Permanent(fmt.Errorf("from: %w", err))
	}
	if m.letter, err = newLetter(m.params.Subject, m.params.Body); err != nil {
		return nil, handler.Permanent(err)
	}
	for i := range m.total() {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		r, err := m.recipient(i)
		if err != nil {
			continue // reported when its turn comes
		}
		if _, _, err := m.letter.render(r); err != nil {
			return nil, handler.Permanent(err)
		}
	}
	return m, nil
}

func (m *mailing) total() int {
	if len(m.params.Recipients) > 0 {
		return len(m.params.Recipients)
	}
	return int(m.params.RecipientCount)
}

// recipient is the i-th, from 0.
func (m *mailing) recipient(i int) (recipient, error) {
	if len(m.params.Recipients) > 0 {
		return givenRecipient(i, m.params.Recipients[i])
	}
	return inventedRecipient(i), nil
}

// run delivers all messages, with the delay between two of them.
func (m *mailing) run(ctx context.Context, sender *sender) (mailingResult, error) {
	total, log := m.total(), m.call.Log()
	result := mailingResult{TotalEmails: total, Recipients: make([]recipientResult, 0, total)}
	delay := time.Duration(m.params.DelayPerEmail * float64(time.Second))
	for i := range total {
		if i > 0 {
			if err := waitBetween(ctx, delay); err != nil {
				return mailingResult{}, err
			}
		}
		r, err := m.recipient(i)
		if err == nil {
			err = m.deliver(ctx, sender, r)
			if err != nil && !concernsOne(err) {
				return mailingResult{}, err
			}
		}
		one := recipientResult{Email: r.Email, Status: "sent", Timestamp: rfc3339(time.Now())}
		if err != nil {
			one.Status, one.Error = "failed", new(failureText(err))
			result.FailedEmails++
			log.Warn("not sent", "email", one.Email, "error", *one.Error)
		} else {
			result.SentEmails++
		}
		result.Recipients = append(result.Recipients, one)
		m.call.Report(100*float64(i+1)/float64(total), fmt.Sprintf("%d of %d: %s %s", i+1, total, one.Status, one.Email))
	}
	return result, nil
}

// deliver writes one message and sends it. The Message-ID is the same in every attempt, so that a
// message sent twice can be recognised.
func (m *mailing) deliver(ctx context.Context, sender *sender, r recipient) error {
	subject, body, err := m.letter.render(r)
	if err != nil {
		return handler.Permanent(err)
	}
	from, to := m.from.mail(), r.address.mail()
	message := mail.NewMsg()
	message.FromMailAddress(&from)
	message.ToMailAddress(&to)
	message.Subject(headerText(subject))
	message.SetUserAgent("Daybook")
	message.SetDate()
	message.SetMessageIDWithValue(fmt.Sprintf("%s.%d@%s", m.call.TaskID, r.Index, m.from.ascii))
	message.SetBodyString(mail.TypeTextPlain, body)
	_, err = sender.send(ctx, from, to, message)
	return err
}

// concernsOne reports whether an error of deliver concerns one recipient only.
func concernsOne(err error) bool {
	_, refused := errors.AsType[*textproto.Error](err)
	return refused || errors.Is(err, errMaybeSent)
}

// maxFailureText keeps the result of many failures below its limit, in bytes.
const maxFailureText = 200

// failureText is the error on one line: of a refusal, the server's answer.
func failureText(err error) string {
	text := err.Error()
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		text = fmt.Sprintf("%d %s", answer.Code, answer.Msg)
	}
	return shortened(oneLine(text))
}

// shortened cuts a text to maxFailureText bytes.
func shortened(text string) string {
	if len(text) <= maxFailureText {
		return text
	}
	cut := maxFailureText - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// waitBetween waits for d, or less when ctx ends.
func waitBetween(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rfc3339 formats a time as the API does, to the microsecond.
func rfc3339(t time.Time) string { return string(task.MicrosOf(t).AppendRFC3339(nil)) }
