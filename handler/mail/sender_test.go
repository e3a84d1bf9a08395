package mail

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/handler"
	"daybook/handler/handlertest"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"github.com/wneessen/go-mail"
)

// recorder is an SMTP server that keeps the text of what it accepts. It lives until the test ends.
type recorder struct {
	listener *pipeListener
	sessions int
	messages []string
	receive  func(s *recorder) error // called for each message; nil = accept
}

func startRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{listener: newPipeListener()}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		r.sessions++
		return &recordingSession{r: r}, nil
	}))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(r.listener)
	}()
	t.Cleanup(func() {
		_ = r.listener.Close()
		<-served
		_ = server.Shutdown(context.Background())
	})
	return r
}

type recordingSession struct {
	session
	r *recorder
}

func (s *recordingSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.r.messages = append(s.r.messages, string(text))
	if s.r.receive != nil {
		return s.r.receive(s.r)
	}
	return nil
}

// sender returns a sender that hangs up before the server ends.
func (r *recorder) sender(t *testing.T, conns *[]net.Conn) *sender {
	t.Helper()
	s := newSender("localhost", func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := r.listener.dial(ctx)
		*conns = append(*conns, conn)
		return conn, err
	}, mail.WithTLSPolicy(mail.NoTLS))
	t.Cleanup(s.close)
	return s
}

var (
	testFrom = netmail.Address{Name: "Daybook", Address: "daybook@example.com"}
	testTo   = netmail.Address{Name: "Ada", Address: "ada@example.com"}
)

func testMessage(subject string) *mail.Msg {
	m := mail.NewMsg()
	m.FromMailAddress(&testFrom)
	m.ToMailAddress(&testTo)
	m.Subject(subject)
	m.SetBodyString(mail.TypeTextPlain, "text\n")
	return m
}

func TestAMessageCarriesWhatTheTemplatesSay(t *testing.T) {
	server := startRecorder(t)
	var conns []net.Conn
	params := handlertest.Prepare(t, Simulation{}, map[string]any{
		"recipients": []string{"Zoë <zoe@example.org>", "alan@example.com"}, "delay_per_email": 0,
		"from":    "Büro <office@example.com>",
		"subject": "{{upper .Name}}\r\nBcc: all@example.com\n\n{{.Index}}",
		"body":    "Hallo {{.Name}},\n.\n{{if eq .Index 2}}second{{end}} → {{.Email}}\n",
	})
	m, err := newMailing(t.Context(), handler.Call{TaskID: "01JX", Parameters: params, Report: func(float64, string) {}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.run(t.Context(), server.sender(t, &conns)); err != nil {
		t.Fatal(err)
	}
	if len(conns) != 1 || len(server.messages) != 2 {
		t.Fatalf("%d messages over %d connections", len(server.messages), len(conns))
	}
	first, err := netmail.ReadMessage(strings.NewReader(server.messages[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(first.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	from, _ := first.Header.AddressList("From")
	to, _ := first.Header.AddressList("To")
	got := []string{subject, from[0].Name, from[0].Address, to[0].Name, to[0].Address,
		first.Header.Get("Message-Id"), first.Header.Get("User-Agent"), first.Header.Get("Bcc")}
	want := []string{"ZOË Bcc: all@example.com 1", "Büro", "office@example.com", "Zoë", "zoe@example.org",
		"<01JX.1@example.com>", "Daybook", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("first message (-want +got):\n%s\n%s", diff, server.messages[0])
	}
	if want := "Hallo Alan,\r\n.\r\nsecond =E2=86=92 alan@example.com\r\n"; !strings.HasSuffix(server.messages[1], want) {
		t.Errorf("second message:\n%s", server.messages[1])
	}
}

func TestALostConnectionIsRenewedForTheNextMessage(t *testing.T) {
	server := startRecorder(t)
	var conns []net.Conn
	s := server.sender(t, &conns)
	for i := range 3 {
		if _, err := s.send(t.Context(), testFrom, testTo, testMessage("one")); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		_ = conns[len(conns)-1].Close()
	}
	if len(server.messages) != 3 || len(conns) != 3 {
		t.Errorf("%d messages over %d connections", len(server.messages), len(conns))
	}
}

func TestAMessageWhoseAnswerIsLostIsNotSentAgain(t *testing.T) {
	server := startRecorder(t)
	var conns []net.Conn
	s := server.sender(t, &conns)
	server.receive = func(r *recorder) error {
		if len(r.messages) == 2 {
			_ = conns[0].Close()
		}
		return nil
	}
	if _, err := s.send(t.Context(), testFrom, testTo, testMessage("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.send(t.Context(), testFrom, testTo, testMessage("two")); !errors.Is(err, errMaybeSent) || !concernsOne(err) {
		t.Errorf("second: %v", err)
	}
	if _, err := s.send(t.Context(), testFrom, testTo, testMessage("three")); err != nil {
		t.Fatal(err)
	}
	if len(server.messages) != 3 {
		t.Errorf("%d messages", len(server.messages))
	}
}

func TestAServerThatClosesIsCalledAgain(t *testing.T) {
	server := startRecorder(t)
	var conns []net.Conn
	s := server.sender(t, &conns)
	server.receive = func(r *recorder) error {
		if len(r.messages) == 2 {
			return &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 3, 2}, Message: "Going down"}
		}
		return nil
	}
	for i := range 2 {
		if _, err := s.send(t.Context(), testFrom, testTo, testMessage("again")); err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if len(conns) != 2 || len(server.messages) != 3 {
		t.Errorf("%d messages over %d connections", len(server.messages), len(conns))
	}
}

func TestARefusedMessageLeavesTheConversationOpen(t *testing.T) {
	server := startRecorder(t)
	var conns []net.Conn
	s := server.sender(t, &conns)
	server.receive = func(r *recorder) error {
		if len(r.messages) == 1 {
			return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "I do not like it"}
		}
		return nil
	}
	_, err := s.send(t.Context(), testFrom, testTo, testMessage("one"))
	if answer, ok := errors.AsType[*textproto.Error](err); !ok || answer.Code != 554 {
		t.Errorf("first: %v", err)
	}
	bounce := netmail.Address{Address: "bounce@example.com"}
	if _, err := s.send(t.Context(), testFrom, bounce, testMessage("two")); err == nil || !concernsOne(err) {
		t.Errorf("second: %v", err)
	}
	if _, err := s.send(t.Context(), testFrom, testTo, testMessage("three")); err != nil {
		t.Errorf("third: %v", err)
	}
	if len(conns) != 1 {
		t.Errorf("%d connections", len(conns))
	}
}

func TestAServerThatCannotBeReachedFailsTheAttempt(t *testing.T) {
	down := errors.New("no route")
	s := newSender("localhost", func(context.Context, string, string) (net.Conn, error) { return nil, down },
		mail.WithTLSPolicy(mail.NoTLS))
	_, err := s.send(t.Context(), testFrom, testTo, testMessage("one"))
	if !errors.Is(err, down) || concernsOne(err) || handler.IsPermanent(err) {
		t.Errorf("got %v", err)
	}
	s.close()
}

func TestCancelEndsASilentConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		s := newSender("localhost", func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			t.Cleanup(func() { _ = server.Close() })
			return client, nil
		}, mail.WithTLSPolicy(mail.NoTLS))
		start := time.Now()
		_, err := s.send(ctx, testFrom, testTo, testMessage("one"))
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
	})
}

func TestTheServerRefusesAMessageThatIsNotWellMade(t *testing.T) {
	const good = "From: A <a@example.com>\r\nTo: <b@example.com>\r\nSubject: s\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n" +
		"Message-ID: <1@example.com>\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\ntext\r\n"
	for name, test := range map[string]struct{ old, new, want string }{
		"well made":      {"", "", ""},
		"no subject":     {"Subject: s\r\n", "", "0 headers Subject"},
		"two recipients": {"<b@example.com>", "<b@example.com>, c@example.com", "To is not that of the envelope"},
		"two To":         {"To:", "To: <b@example.com>\r\nTo:", "2 headers To"},
		"other sender":   {"<a@example.com>", "<z@example.com>", "From is not that of the envelope"},
		"bad date":       {"Tue, 24 Nov 2026", "yesterday", "mail: header could not be parsed"},
		"not UTF-8":      {"text\r\n", "\xff\r\n", "its text is not UTF-8"},
		"no header":      {good, "\r\nhello", "0 headers From"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkMessage(strings.NewReader(strings.Replace(good, test.old, test.new, 1)), "a@example.com", "b@example.com")
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
