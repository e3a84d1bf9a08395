package mail

import (
	"bytes"
	"cmp"
	"context"
	_ "embed" // the schemas
	"encoding/json"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"daybook/handler"
	"daybook/task"

	"github.com/wneessen/go-mail"
)

// Email is the type EMAIL: messages to real recipients, through an SMTP server.
type Email struct{ server Server }

//go:embed email.parameters.json
var emailParametersSchema []byte

//go:embed email.result.json
var emailResultSchema []byte

// maxAttachments is the most bytes of the files of a message.
const maxAttachments = 25_000_000

// NewEmail returns the type. Errors: those of the fields of s, each a *ServerError, joined.
func NewEmail(s Server) (*Email, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return &Email{s}, nil
}

// Spec describes EMAIL.
func (e *Email) Spec() task.TypeSpec {
	return task.TypeSpec{
		Name:  "EMAIL",
		Title: "E-mail",
		Description: "Sends e-mail through the SMTP server of the configuration, one message after the other. " +
			"A message that the server has accepted is not sent again when the task is retried.",
		ParametersSchema: emailParametersSchema,
		ResultSchema:     emailResultSchema,
	}
}

// Formats are those of headers.
func (e *Email) Formats() []handler.Format {
	return []handler.Format{
		{Name: "mail-header-name", Valid: validHeaderName, Detail: "has a name that cannot be set: use letters, digits and hyphens, and the other parameters for sender, recipients, subject and content"},
		{Name: "mail-header-value", Valid: func(text string) bool { return oneLine(text) == text && text != "" }, Detail: "must be one line of text without control characters"},
	}
}

// ownHeaders are written from the other parameters, or by mail servers.
var ownHeaders = []string{"From", "To", "Cc", "Bcc", "Sender", "Subject", "Date", "Message-Id", "Reply-To", "Return-Path", "Received", "Mime-Version", "User-Agent", "Dkim-Signature"}

func validHeaderName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if letter := 'a' <= c|0x20 && c|0x20 <= 'z'; !letter && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	canonical := textproto.CanonicalMIMEHeaderKey(name)
	return name != "" && len(name) <= maxHeaderWord && !slices.Contains(ownHeaders, canonical) &&
		!strings.HasPrefix(canonical, "Content-") && !strings.HasPrefix(canonical, "Resent-")
}

// emailParameters are those of the task.
type emailParameters struct {
	Recipients    []string          `json:"recipients"`
	To            []string          `json:"to"` // instead of Recipients
	Cc            []string          `json:"cc"`
	Bcc           []string          `json:"bcc"`
	From          string            `json:"from"`
	ReplyTo       string            `json:"reply_to"`
	Subject       string            `json:"subject"`
	Body          string            `json:"body"`
	HTML          string            `json:"html"`
	Headers       map[string]string `json:"headers"`
	Attachments   []string          `json:"attachments"`
	DelayPerEmail float64           `json:"delay_per_email"`
}

// addresses are those of all recipients, in order.
func (p *emailParameters) addresses() []string {
	return slices.Concat(p.Recipients, p.To, p.Cc, p.Bcc)
}

// Subject says how many recipients there are, and the template of their subject.
func (e *Email) Subject(text json.RawMessage, _ map[string]string) string {
	var p emailParameters
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	return handler.Count(int64(len(p.addresses())), "recipient") + ": " + p.Subject
}

// Run sends the messages that no earlier attempt has sent. Refusals for good (5xx) and malformed
// addresses are failed recipients; the task is retried for those whose messages were put off.
func (e *Email) Run(ctx context.Context, call handler.Call) (any, error) {
	result, err := e.run(ctx, call)
	switch {
	case err == nil:
		return result, nil
	case ctx.Err() != nil && !handler.IsPermanent(err):
		call.Log().Warn("stopped before all messages were sent", "reason", context.Cause(ctx).Error())
		return nil, ctx.Err()
	}
	call.LogFailure(err)
	return nil, err
}

func (e *Email) run(ctx context.Context, call handler.Call) (any, error) {
	m := &messages{call: call, server: &e.server}
	if err := json.Unmarshal(call.Parameters, &m.params); err != nil {
		return nil, handler.Permanent(fmt.Errorf("read the parameters: %w", err))
	}
	if err := m.prepare(ctx, e.server.From); err != nil {
		return nil, err
	}
	if err := m.restore(ctx); err != nil {
		return nil, err
	}
	sender := e.server.sender()
	sender.log = call.Log().With("port", e.server.Port, "encryption", e.server.Encryption)
	defer sender.close()
	if err := m.sendAll(ctx, sender); err != nil {
		return nil, e.server.hidden(err)
	}
	return m.result()
}

// messages are those of one attempt.
type messages struct {
	call    handler.Call
	server  *Server
	params  emailParameters
	letter  *letter // nil: all get the same message
	from    address
	replyTo address // zero = none
	files   []attachment
	to, cc  []*netmail.Address // what the headers of a message to all show

	recipients []recipient
	invalid    []error    // of each recipient's address
	outcomes   []*outcome // of each recipient; nil = not yet
}

type attachment struct {
	name, contentType string
	content           []byte
}

// prepare reads the addresses and renders each message once, so that nothing is sent if a template
// fails.
func (m *messages) prepare(ctx context.Context, from string) (err error) {
	p := &m.params
	if from = cmp.Or(p.From, from); from == "" {
		return handler.Permanent(errors.New("from: is not given, and the server's configuration has none; submit the task with from"))
	}
	if m.from, err = parseAddress(from); err != nil {
		return handler.Permanent(fmt.Errorf("from: %w", err))
	}
	if p.ReplyTo != "" {
		if m.replyTo, err = parseAddress(p.ReplyTo); err != nil {
			return handler.Permanent(fmt.Errorf("reply_to: %w", err))
		}
	}
	all := p.addresses()
	m.recipients, m.invalid = make([]recipient, len(all)), make([]error, len(all))
	m.outcomes = make([]*outcome, len(all))
	for i, text := range all {
		if m.recipients[i], m.invalid[i] = givenRecipient(i, text); m.invalid[i] != nil {
			continue
		}
		a := m.recipients[i].address
		if parsed, err := parseAddress(text); err == nil {
			a = parsed // without a name that was made
		}
		shown := a.mail()
		switch {
		case i < len(p.Recipients):
		case i < len(p.To):
			m.to = append(m.to, &shown)
		case i < len(p.To)+len(p.Cc):
			m.cc = append(m.cc, &shown)
		}
	}
	if len(p.Recipients) > 0 {
		if err := m.prepareLetter(ctx); err != nil {
			return err
		}
	}
	return m.readAttachments()
}

func (m *messages) prepareLetter(ctx context.Context) (err error) {
	p := &m.params
	if m.letter, err = newLetter(p.Subject, p.Body); err == nil && p.HTML != "" {
		err = m.letter.addHTML(p.HTML)
	}
	if err != nil {
		return handler.Permanent(err)
	}
	for i, r := range m.recipients {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if m.invalid[i] != nil {
			continue
		}
		if _, err := m.content(r); err != nil {
			return handler.Permanent(err)
		}
	}
	return nil
}

// content is what one recipient reads.
type content struct{ subject, body, html string }

func (m *messages) content(r recipient) (c content, err error) {
	if m.letter == nil {
		return content{oneLine(m.params.Subject), m.params.Body, m.params.HTML}, nil
	}
	if c.subject, c.body, err = m.letter.render(r); err == nil && m.letter.html != nil {
		c.html, err = execute(m.letter.html, r)
	}
	return c, err
}

// readAttachments reads the files.
func (m *messages) readAttachments() error {
	room := int64(maxAttachments)
	for _, id := range m.params.Attachments {
		f, info, err := m.call.Open(id)
		if err != nil {
			return handler.Permanent(fmt.Errorf("attachment %.8s…: %w; upload it again", id, err))
		}
		if room -= info.Size; room < 0 {
			_ = f.Close()
			return handler.Permanent(errors.New("the attachments have more than 25 MB; send a link to larger files"))
		}
		content, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil {
			return fmt.Errorf("read the attachment %s: %w", info.Name, err)
		}
		m.files = append(m.files, attachment{info.Name, info.ContentType, content})
	}
	return nil
}

// sendAll sends the messages whose outcome is not known.
func (m *messages) sendAll(ctx context.Context, sender *sender) error {
	delay, began := time.Duration(m.params.DelayPerEmail*float64(time.Second)), false
	for i, r := range m.recipients {
		if m.outcomes[i] != nil {
			continue
		}
		if began {
			if err := waitBetween(ctx, delay); err != nil {
				return err
			}
		}
		began = true
		o := &outcome{Recipient: i + 1, Attempt: m.call.Attempt}
		err := m.invalid[i]
		if err == nil {
			o.Answer, err = m.send(ctx, sender, r)
			if err != nil && !concernsOne(err) {
				return err
			}
		}
		if err != nil {
			o.Error, o.putOff = m.server.concealed(failureText(err)), mayPass(err)
		}
		o.Answer = shortened(m.server.concealed(oneLine(o.Answer)))
		o.At = rfc3339(time.Now())
		m.outcomes[i] = o
		if err := m.note(ctx, o, r); err != nil {
			return err
		}
	}
	return nil
}

// send writes the message to one recipient and sends it. The Message-ID is the same in each attempt,
// so that mail servers recognise a message that they get twice.
func (m *messages) send(ctx context.Context, sender *sender, r recipient) (answer string, err error) {
	c, err := m.content(r)
	if err != nil {
		return "", handler.Permanent(err)
	}
	from, to := m.from.mail(), r.address.mail()
	message := mail.NewMsg()
	message.FromMailAddress(&from)
	id := m.call.TaskID
	if m.letter != nil {
		message.ToMailAddress(&to)
		id = fmt.Sprintf("%s.%d", id, r.Index)
	} else {
		message.ToMailAddress(m.to...)
		message.CcMailAddress(m.cc...)
	}
	message.SetMessageIDWithValue(id + "@" + m.from.ascii)
	if m.replyTo != (address{}) {
		reply := m.replyTo.mail()
		message.ReplyToMailAddress(&reply)
	}
	message.Subject(headerText(c.subject))
	message.SetUserAgent("Daybook")
	message.SetDate()
	for name, value := range m.params.Headers {
		message.SetGenHeader(mail.Header(textproto.CanonicalMIMEHeaderKey(name)), headerText(value))
	}
	switch {
	case c.html == "":
		message.SetBodyString(mail.TypeTextPlain, c.body)
	case c.body == "":
		message.SetBodyString(mail.TypeTextHTML, c.html)
	default:
		message.SetBodyString(mail.TypeTextPlain, c.body)
		message.AddAlternativeString(mail.TypeTextHTML, c.html)
	}
	for _, f := range m.files {
		message.AttachReadSeeker(f.name, bytes.NewReader(f.content), mail.WithFileContentType(mail.ContentType(f.contentType)))
	}
	return sender.send(ctx, from, to, message)
}
