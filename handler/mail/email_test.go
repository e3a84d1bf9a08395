package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http/httptest"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"

	"daybook/files"
	"daybook/handler"
	"daybook/handler/handlertest"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

// relay is an SMTP server on the loopback of this machine.
type relay struct {
	server Server // how it is reached

	mu       sync.Mutex
	sessions int
	got      []delivery
	login    string                // the user that has logged in
	answer   func(to string) error // to a recipient; nil = accept
	after    func(n int) error     // to message n, from 1, when all of it was read; nil = accept
}

type delivery struct{ from, to, text string }

type relaySession struct {
	r        *relay
	from, to string
}

func (s *relaySession) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *relaySession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.to = to; s.r.answer != nil {
		return s.r.answer(to)
	}
	return nil
}

func (s *relaySession) Data(from io.Reader) error {
	text, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if s.r.after != nil {
		if err := s.r.after(len(s.r.got) + 1); err != nil {
			return err
		}
	}
	s.r.got = append(s.r.got, delivery{s.from, s.to, string(text)})
	return nil
}

func (s *relaySession) Reset()        {}
func (s *relaySession) Logout() error { return nil }

func (s *relaySession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *relaySession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if password != "right horse" {
			return smtp.ErrAuthFailed
		}
		s.r.mu.Lock()
		s.r.login = username
		s.r.mu.Unlock()
		return nil
	}), nil
}

// startRelay starts a relay with this encryption, which ends with the test.
func startRelay(t *testing.T, encryption string) *relay {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	ca := x509.NewCertPool()
	ca.AddCert(web.Certificate())
	config := &tls.Config{Certificates: web.TLS.Certificates}
	r := &relay{}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sessions++
		return &relaySession{r: r}, nil
	}))
	server.Domain = "relay.example"
	server.EnableSMTPUTF8 = true
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.server = Server{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Encryption: encryption, From: "Shop <shop@example.com>", CA: ca}
	switch encryption {
	case startTLS:
		server.TLSConfig = config
	case implicitTLS:
		listener = tls.NewListener(listener, config)
	}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		_ = server.Close()
		served.Wait()
	})
	return r
}

func (r *relay) taskType(t *testing.T) *Email {
	t.Helper()
	e, err := NewEmail(r.server)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// deliveries are the messages that were accepted since the last call.
func (r *relay) deliveries() []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// mailTask is a task over its attempts.
type mailTask struct {
	t      *testing.T
	typ    *Email
	params json.RawMessage
	files  *files.Store
	saved  []json.RawMessage
	call   handler.Call
}

func newMailTask(t *testing.T, r *relay, params map[string]any) *mailTask {
	t.Helper()
	e := r.taskType(t)
	return &mailTask{t: t, typ: e, params: handlertest.Prepare(t, e, params), call: handler.Call{TaskID: "01JTASK"}}
}

// attempt runs the next attempt.
func (k *mailTask) attempt(last bool) (emailResult, error) {
	k.t.Helper()
	call := k.call
	k.call.Attempt++
	call.Attempt, call.LastAttempt, call.Parameters, call.Files = k.call.Attempt, last, k.params, k.files
	call.Report = func(float64, string) {}
	call.Save = func(_ context.Context, _ float64, _ string, value any) error {
		text, err := json.Marshal(value)
		k.saved = append(k.saved, text)
		return err
	}
	call.Saved = func(context.Context) ([]json.RawMessage, error) { return k.saved, nil }
	result, err := k.typ.Run(k.t.Context(), call)
	if err != nil {
		return emailResult{}, err
	}
	handlertest.CheckResult(k.t, k.typ, result)
	return result.(emailResult), nil
}

func TestEachRecipientGetsAMessageOfTheirOwnThroughTheServer(t *testing.T) {
	for _, encryption := range []string{startTLS, implicitTLS} {
		t.Run(encryption, func(t *testing.T) {
			r := startRelay(t, encryption)
			r.server.Username, r.server.Password = "shop", "right horse"
			k := newMailTask(t, r, map[string]any{
				"recipients": []string{"Ada <ada@example.com>", "no address", "alan@example.org"},
				"subject":    "Order {{.Index}}\r\nBcc: all@example.com", "body": "Dear {{.Name}}\n", "html": "<p>Dear {{.Name}}</p>",
				"reply_to": "help@example.com", "headers": map[string]string{"x-campaign": "grün"},
			})
			result, err := k.attempt(false)
			if err != nil {
				t.Fatal(err)
			}
			got := r.deliveries()
			if len(got) != 2 || got[0].to != "ada@example.com" || got[1].to != "alan@example.org" || got[0].from != "shop@example.com" {
				t.Fatalf("%+v", got)
			}
			if r.sessions != 2 && r.sessions != 1 || r.login != "shop" {
				t.Error(r.sessions, r.login)
			}
			m := parsed(t, got[1].text)
			want := map[string]string{"Subject": "Order 3 Bcc: all@example.com", "To": "<alan@example.org>", "From": `"Shop" <shop@example.com>`,
				"Reply-To": "<help@example.com>", "X-Campaign": "grün", "Message-Id": "<01JTASK.3@example.com>", "Bcc": ""}
			for name, value := range want {
				if got := decoded(t, m.Header.Get(name)); got != value && !(name == "To" && strings.HasSuffix(got, value)) {
					t.Errorf("%s: %q, not %q", name, got, value)
				}
			}
			if text := got[0].text; !strings.Contains(text, "Dear Ada") || !strings.Contains(text, "<p>Dear Ada</p>") {
				t.Error(text)
			}
			if text, partial := result.Outcome(); text != "2 sent, 1 failed" || !partial {
				t.Error(text)
			}
			if one := result.Recipients[0]; one.Answer == nil || !strings.HasPrefix(*one.Answer, "250 ") || one.Attempt != 1 {
				t.Errorf("%+v", one)
			}
		})
	}
}

func parsed(t *testing.T, text string) *netmail.Message {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func decoded(t *testing.T, header string) string {
	t.Helper()
	text, err := new(mime.WordDecoder).DecodeHeader(header)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAMessageToAllShowsToAndCcAndHidesBcc(t *testing.T) {
	r := startRelay(t, noEncryption)
	k := newMailTask(t, r, map[string]any{"to": []string{"Ada <ada@example.com>"}, "cc": []string{"alan@example.org"}, "bcc": []string{"hidden@example.net"},
		"from": "me@example.net", "subject": "{{hello}}", "body": "{{.Name}}", "attachments": []string{}})
	if _, err := k.attempt(false); err != nil {
		t.Fatal(err)
	}
	got := r.deliveries()
	if len(got) != 3 || got[2].to != "hidden@example.net" {
		t.Fatalf("%+v", got)
	}
	for _, one := range got {
		m := parsed(t, one.text)
		if to, cc, id := m.Header.Get("To"), m.Header.Get("Cc"), m.Header.Get("Message-Id"); to != `"Ada" <ada@example.com>` ||
			cc != "<alan@example.org>" || id != "<01JTASK@example.net>" || strings.Contains(one.text, "hidden@") || m.Header.Get("Subject") != "{{hello}}" {
			t.Errorf("%s: %s", one.to, one.text)
		}
	}
}

func TestFilesAreAttached(t *testing.T) {
	r := startRelay(t, noEncryption)
	k := newMailTask(t, r, map[string]any{"to": []string{"ada@example.com"}, "subject": "s", "body": "text"})
	k.files = handlertest.Store(t)
	info := handlertest.Upload(t, k.files, "größe.csv", "a,b\n1,2\n")
	k.params = handlertest.Prepare(t, k.typ, map[string]any{"to": []string{"ada@example.com"}, "subject": "s", "body": "text", "attachments": []string{info.ID}})
	if _, err := k.attempt(false); err != nil {
		t.Fatal(err)
	}
	m := parsed(t, r.deliveries()[0].text)
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	if _, err := parts.NextPart(); err != nil {
		t.Fatal(err)
	}
	part, err := parts.NextPart()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(part)
	if name := decoded(t, part.FileName()); err != nil || name != "größe.csv" || !strings.Contains(string(content), "YSxiCjEsMgo=") {
		t.Errorf("%q %q %v", name, content, err)
	}
}

// What the server has accepted is not sent again, whatever ended the attempt.
func TestARetriedAttemptSendsOnlyWhatWasNotAccepted(t *testing.T) {
	r := startRelay(t, noEncryption)
	busy := true
	r.answer = func(to string) error {
		switch {
		case strings.HasPrefix(to, "later") && busy:
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted"}
		case strings.HasPrefix(to, "nobody"):
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox"}
		}
		return nil
	}
	k := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"a@example.com", "later@example.com", "nobody@example.com", "b@example.com"}})
	_, err := k.attempt(false)
	if err == nil || handler.IsPermanent(err) || !strings.Contains(err.Error(), "1 of 4") || !strings.Contains(err.Error(), "451") {
		t.Fatal(err)
	}
	if got := recipientsOf(r.deliveries()); got != "a@example.com b@example.com" {
		t.Error(got)
	}
	r.mu.Lock()
	busy = false
	r.mu.Unlock()
	result, err := k.attempt(false)
	if err != nil {
		t.Fatal(err)
	}
	if got := recipientsOf(r.deliveries()); got != "later@example.com" {
		t.Error(got)
	}
	if text, _ := result.Outcome(); text != "3 sent, 1 failed" || result.Recipients[0].Attempt != 1 || result.Recipients[1].Attempt != 2 ||
		!strings.Contains(*result.Recipients[2].Error, "550") {
		t.Errorf("%+v", result)
	}
}

func TestAMessageWhoseAnswerWasLostIsSentAgainWithTheSameID(t *testing.T) {
	r := startRelay(t, noEncryption)
	r.after = func(n int) error {
		if n == 2 {
			r.after = nil
			return &smtp.SMTPError{Code: 421, Message: "Going away"}
		}
		return nil
	}
	k := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"a@example.com", "b@example.com"}})
	result, err := k.attempt(false)
	if err != nil {
		_, again := k.attempt(false)
		if err = again; err != nil {
			t.Fatal(err)
		}
	}
	got := r.deliveries()
	if recipientsOf(got) != "a@example.com b@example.com" || parsed(t, got[1].text).Header.Get("Message-Id") != "<01JTASK.2@example.com>" {
		t.Errorf("%+v %+v", got, result)
	}
}

// A refusal holds for the attempts that follow by themselves, and not when a person retries the task.
func TestARefusalHoldsUntilAPersonRetriesTheTask(t *testing.T) {
	r := startRelay(t, noEncryption)
	r.answer = func(string) error { return &smtp.SMTPError{Code: 550, Message: "No"} }
	k := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"a@example.com"}})
	if _, err := k.attempt(false); err == nil || !handler.IsPermanent(err) || !strings.Contains(err.Error(), "a@example.com: 550") {
		t.Error(err)
	}
	r.mu.Lock()
	r.answer = nil
	r.mu.Unlock()
	if _, err := k.attempt(false); err == nil || len(r.deliveries()) != 0 {
		t.Error("the refused message was sent again", err)
	}
	k.call.BeforeRetry = 2
	if _, err := k.attempt(false); err != nil || len(r.deliveries()) != 1 {
		t.Error(err)
	}
}

func TestOnTheLastAttemptWhatWasPutOffHasFailed(t *testing.T) {
	r := startRelay(t, noEncryption)
	r.answer = func(to string) error {
		if strings.HasPrefix(to, "later") {
			return &smtp.SMTPError{Code: 452, Message: "Full"}
		}
		return nil
	}
	k := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"a@example.com", "later@example.com"}})
	result, err := k.attempt(true)
	if text, partial := result.Outcome(); err != nil || text != "1 sent, 1 failed" || !partial {
		t.Error(text, err)
	}
	k = newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"later@example.com"}})
	if _, err := k.attempt(true); err == nil || handler.IsPermanent(err) {
		t.Error(err)
	}
}

func recipientsOf(list []delivery) string {
	var all []string
	for _, d := range list {
		all = append(all, d.to)
	}
	return strings.Join(all, " ")
}

func TestAWrongPasswordIsAnErrorThatDoesNotShowIt(t *testing.T) {
	r := startRelay(t, startTLS)
	r.server.Username, r.server.Password = "shop", "wrong horse"
	_, err := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"a@example.com"}}).attempt(false)
	if err == nil || handler.IsPermanent(err) || strings.Contains(err.Error(), "wrong horse") || !strings.Contains(err.Error(), "connect to the mail server") {
		t.Error(err)
	}
}

// Neither a password nor a message goes to a server that is not the one that was meant.
func TestAServerWithoutEncryptionOrWithAnotherCertificateIsRefused(t *testing.T) {
	plain := startRelay(t, noEncryption)
	plain.server.Encryption = startTLS
	other := startRelay(t, startTLS)
	other.server.CA = nil
	for name, r := range map[string]*relay{"without STARTTLS": plain, "unknown certificate": other} {
		_, err := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"a@example.com"}}).attempt(false)
		if err == nil || handler.IsPermanent(err) || len(r.deliveries()) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatAServerCannotBeIsRefusedByField(t *testing.T) {
	for field, s := range map[string]Server{
		"host":       {},
		"encryption": {Host: "a", Encryption: "ssl"},
		"port":       {Host: "a", Port: 70000},
		"username":   {Host: "a", Username: "u"},
		"from":       {Host: "a", From: "nobody"},
	} {
		_, err := NewEmail(s)
		var wrong *ServerError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := NewEmail(Server{Host: "a", Username: "u", Password: "p", Encryption: noEncryption}); err == nil {
		t.Error("a password goes out in clear text")
	}
}

func TestParametersOfEmailThatCannotBeSentAreRefused(t *testing.T) {
	e, err := NewEmail(Server{Host: "a"})
	if err != nil {
		t.Fatal(err)
	}
	registry, err := handler.NewRegistry(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		`{"recipients":["a@b.c"]}`, `{"subject":"s"}`, `{"recipients":["a@b.c"],"subject":"s","to":["a@b.c"]}`,
		`{"cc":["a@b.c"],"recipients":["a@b.c"],"subject":"s"}`,
		`{"headers":{"Bcc":"x"},"subject":"s","to":["a@b.c"]}`, `{"headers":{"X-A":"x\r\nBcc: y"},"subject":"s","to":["a@b.c"]}`,
		`{"headers":{"X A":"x"},"subject":"s","to":["a@b.c"]}`, `{"headers":{"content-type":"x"},"subject":"s","to":["a@b.c"]}`,
	} {
		if _, _, fields, err := registry.Prepare("EMAIL", []byte(bad)); err != nil || len(fields) == 0 {
			t.Errorf("%s is accepted: %v", bad, err)
		}
	}
	handlertest.CheckDescribed(t, e, map[string]any{"to": []string{"a@b.c"}, "subject": "s"}, "recipients")
	handlertest.CheckSubjects(t, e, nil, map[string]string{`{"subject":"Hello","to":["a@b.c","d@e.f"]}`: "2 recipients: Hello"})
}

func TestAnHTMLTemplateEscapesItsValues(t *testing.T) {
	r := startRelay(t, noEncryption)
	k := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{`"<b>&Ada" <a@example.com>`}, "html": "<p>{{.Name}}</p>"})
	if _, err := k.attempt(false); err != nil {
		t.Fatal(err)
	}
	if text := r.deliveries()[0].text; !strings.Contains(text, "<p>&lt;b&gt;&amp;Ada</p>") {
		t.Error(text)
	}
	for _, bad := range []string{"{{range .Name}}{{end}}", "{{printf .Name}}", "{{define \"a\"}}{{end}}", "{{.Nobody}}", "{{"} {
		k := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"a@example.com"}, "html": bad})
		if _, err := k.attempt(false); err == nil || !handler.IsPermanent(err) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if diff := cmp.Diff(0, len(r.deliveries())); diff != "" {
		t.Error("something was sent", diff)
	}
}
