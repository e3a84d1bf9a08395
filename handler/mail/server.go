package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/emersion/go-smtp"
)

// server is an SMTP server inside this process. It is reached through dial alone, over
// memory: it opens no port, and what it accepts it checks and forgets. Nothing leaves the
// process, whatever the address.
type server struct {
	smtp     *smtp.Server
	listener *pipeListener
	served   chan struct{} // closed when Serve has returned
}

// startServer starts a server, to be stopped with stop.
func startServer() *server {
	s := &server{
		smtp: smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
			return &session{}, nil
		})),
		listener: newPipeListener(),
		served:   make(chan struct{}),
	}
	s.smtp.Domain = "localhost"
	s.smtp.MaxRecipients = 1
	s.smtp.MaxMessageBytes = 1 << 20
	s.smtp.EnableSMTPUTF8 = true
	go func() {
		defer close(s.served)
		_ = s.smtp.Serve(s.listener) // ends with the listener; there is no other error
	}()
	return s
}

// dial opens a connection. Network and address are not looked at.
func (s *server) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return s.listener.dial(ctx)
}

// stop ends the server and waits for its goroutines. Clients have hung up before.
func (s *server) stop() {
	_ = s.listener.Close()
	<-s.served
	_ = s.smtp.Shutdown(context.Background())
}

// session receives the messages of one connection.
type session struct {
	from, to string
}

// Mail notes the sender.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// refusals are the answers to recipients by the part before the @ (or before a + in it), so that
// failures can be tried.
var refusals = map[string]*smtp.SMTPError{
	"bounce":  {Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"},
	"refused": {Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Delivery refused by the recipient"},
	"full":    {Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "Mailbox is full"},
}

// Rcpt notes the recipient or refuses it.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	local := to
	if at := strings.LastIndexByte(to, '@'); at >= 0 {
		local = to[:at]
	}
	local, _, _ = strings.Cut(strings.Trim(strings.ToLower(local), `"`), "+")
	if refusal := refusals[local]; refusal != nil {
		return refusal
	}
	s.to = to
	return nil
}

// Data reads the message and refuses one that is not well made.
func (s *session) Data(r io.Reader) error {
	if err := checkMessage(r, s.from, s.to); err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "Bad message: " + err.Error()}
	}
	return nil
}

// Reset forgets the message begun.
func (s *session) Reset() { *s = session{} }

// Logout ends the session.
func (s *session) Logout() error { return nil }

// checkMessage reads a message and tells what is wrong with it: each header that a mail must have
// is there once, sender and recipient are those of the envelope, the text is UTF-8.
func checkMessage(r io.Reader, from, to string) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := checkLines(text); err != nil {
		return err
	}
	message, err := netmail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return err
	}
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-Id", "Content-Type"} {
		if n := len(message.Header[name]); n != 1 {
			return fmt.Errorf("%d headers %s", n, name)
		}
	}
	for name, want := range map[string]string{"From": from, "To": to} {
		list, err := message.Header.AddressList(name)
		if err != nil {
			return err
		}
		if len(list) != 1 || list[0].Address != want {
			return fmt.Errorf("%s is not that of the envelope", name)
		}
	}
	if _, err := message.Header.Date(); err != nil {
		return err
	}
	if id := message.Header.Get("Message-Id"); !messageID.MatchString(id) {
		return fmt.Errorf("%q is no Message-ID", id)
	}
	body := message.Body
	if message.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err = io.ReadAll(body)
	if err != nil {
		return err
	}
	if !utf8.Valid(text) {
		return errors.New("its text is not UTF-8")
	}
	return nil
}

// messageID is the form of RFC 5322, 3.6.4, without comments and without the old forms.
var messageID = regexp.MustCompile("^<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+|\\[[!-Z^-~]*\\])>$")

// maxLine is the most bytes of a line without its end (RFC 5322, 2.1.1).
const maxLine = 998

// checkLines refuses lines that are too long.
func checkLines(text []byte) error {
	for line := range bytes.Lines(text) {
		if len(bytes.TrimRight(line, "\r\n")) > maxLine {
			return fmt.Errorf("a line has more than %d bytes", maxLine)
		}
	}
	return nil
}

// pipeListener is a net.Listener whose connections are pipes in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// dial hands one end of a pipe to Accept and returns the other.
func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- pipeConn{server}:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept waits for a dial.
func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and dial.
func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr names the pipe.
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// pipeConn reports its own end as a socket does, so that the server takes it for a hang-up.
type pipeConn struct{ net.Conn }

func (c pipeConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = net.ErrClosed
	}
	return n, err
}
