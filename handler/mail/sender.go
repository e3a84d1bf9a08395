package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	netmail "net/mail"
	"net/textproto"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// patience is how long the server inside the process may take for one message.
const patience = 15 * time.Second

// errMaybeSent: the connection broke after the whole message was handed over and before
// the server answered. It may have arrived.
var errMaybeSent = errors.New("the connection broke before the server answered; the message may have arrived")

// sender delivers messages one after the other in one SMTP conversation, and begins a new
// one when it breaks. One goroutine uses it. Close it.
type sender struct {
	host    string
	dial    mail.DialContextFunc
	options []mail.Option // how to speak to the server: encryption, login

	patience time.Duration // for the server, with one message
	log      *slog.Logger  // of the task

	smtp    *smtp.Client // nil when there is no conversation
	conn    net.Conn     // under smtp
	unwatch func() bool  // stops the closing of conn at the end of a context
}

// newSender returns a sender that reaches host through dial. Nothing is dialled yet.
func newSender(host string, dial mail.DialContextFunc, options ...mail.Option) *sender {
	return &sender{host: host, dial: dial, options: options, patience: patience, log: slog.New(slog.DiscardHandler)}
}

// connectError: there is no conversation with the server. It is no refusal of a message.
type connectError struct{ error }

// Is finds what it wraps; As does not, so that it is never taken for the refusal of a message.
func (e connectError) Is(target error) bool { return errors.Is(e.error, target) }

// send delivers one message and returns the server's answer. A *textproto.Error is the server's
// refusal, after which the next message may be sent; errMaybeSent is an unknown outcome; any other
// error means that the server cannot be reached, or that ctx has ended.
func (s *sender) send(ctx context.Context, from, to netmail.Address, message *mail.Msg) (answer string, err error) {
	fresh := s.smtp == nil
	answer, err = s.try(ctx, from, to, message)
	if err != nil && !fresh && s.smtp == nil && !errors.Is(err, errMaybeSent) && ctx.Err() == nil {
		s.log.Info("the mail server ended the connection; connecting again")
		answer, err = s.try(ctx, from, to, message) // the server had gone away since the last message
	}
	if err != nil && ctx.Err() != nil {
		return "", ctx.Err()
	}
	return answer, err
}

func (s *sender) try(ctx context.Context, from, to netmail.Address, message *mail.Msg) (answer string, err error) {
	if s.smtp == nil {
		if err := s.connect(ctx); err != nil {
			return "", connectError{fmt.Errorf("connect to the mail server: %w", err)}
		}
	}
	answer, err = s.converse(from, to, message)
	if err == nil {
		return answer, nil
	}
	if refusal, ok := errors.AsType[*textproto.Error](err); ok && refusal.Code != 421 {
		if s.smtp.Reset() == nil {
			return "", refusal
		}
		s.drop() // the refusal stands; the next message finds another conversation
		return "", refusal
	}
	s.drop()
	return "", err
}

// connect dials and greets. The connection is closed when ctx ends.
func (s *sender) connect(ctx context.Context) error {
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dial(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		s.conn = conn
		s.unwatch = context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
	options := append([]mail.Option{
		mail.WithHELO("localhost"), mail.WithTimeout(s.patience), mail.WithDialContextFunc(dial),
	}, s.options...)
	client, err := mail.NewClient(s.host, options...)
	if err != nil {
		return err
	}
	began := time.Now()
	s.smtp, err = client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		s.drop()
		return err
	}
	s.log.Info("connected to the mail server", "host", s.host, "duration_ms", float64(time.Since(began).Microseconds())/1000)
	return nil
}

// converse goes through MAIL, RCPT and DATA.
func (s *sender) converse(from, to netmail.Address, message *mail.Msg) (answer string, err error) {
	if err := s.smtp.UpdateDeadline(s.patience); err != nil {
		return "", err
	}
	if err := s.smtp.Mail(envelopePath(from)); err != nil {
		return "", err
	}
	if err := s.smtp.Rcpt(envelopePath(to)); err != nil {
		return "", err
	}
	data, err := s.smtp.Data()
	if err != nil {
		return "", err
	}
	if _, err := message.WriteTo(data); err != nil {
		return "", err
	}
	if err := data.Close(); err != nil {
		if _, answered := errors.AsType[*textproto.Error](err); answered {
			return "", err
		}
		return "", fmt.Errorf("%w (%w)", errMaybeSent, err)
	}
	if said, ok := data.(interface{ ServerResponse() string }); ok {
		answer = "250 " + said.ServerResponse()
	}
	return answer, nil
}

// envelopePath is an address as an SMTP command wants it: <ada@example.com>.
func envelopePath(a netmail.Address) string {
	a.Name = ""
	return a.String()
}

// drop ends the conversation without a word.
func (s *sender) drop() {
	if s.conn != nil {
		s.unwatch()
		_ = s.conn.Close()
	}
	s.smtp, s.conn = nil, nil
}

// close says goodbye and closes the connection.
func (s *sender) close() {
	if s.smtp != nil && s.smtp.UpdateDeadline(s.patience) == nil {
		_ = s.smtp.Quit() // the messages are delivered whatever it answers
	}
	s.drop()
}
