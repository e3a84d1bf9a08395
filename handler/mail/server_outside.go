package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// Server is the SMTP server that EMAIL sends through.
type Server struct {
	Host       string
	Port       int    // 0 = 587; 465 with TLS, 25 without encryption
	Encryption string // "starttls" = "", "tls" from the first byte, or "none"
	Username   string // "" = no login
	Password   string
	From       string         // the sender of tasks that name none; "" = they must
	CA         *x509.CertPool // of the server's certificate; nil = the system's
}

// Ways to encrypt a connection.
const (
	startTLS     = "starttls"
	implicitTLS  = "tls"
	noEncryption = "none"
)

// outsidePatience is how long a mail server may take for one message; some check it at length.
const outsidePatience = 2 * time.Minute

// ServerError says what is wrong with a field of a Server.
type ServerError struct {
	Field  string // in snake_case: "port"
	Detail string
}

func (e *ServerError) Error() string { return "mail server: " + e.Field + " " + e.Detail }

// check completes the server, and returns what is wrong: each a *ServerError.
func (s *Server) check() error {
	var all []error
	wrong := func(field, detail string) { all = append(all, &ServerError{field, detail}) }
	if s.Host == "" || strings.ContainsAny(s.Host, " /@") {
		wrong("host", "must be the name or the address of an SMTP server, such as smtp.example.com")
	}
	if s.Encryption == "" {
		s.Encryption = startTLS
	}
	port := map[string]int{startTLS: 587, implicitTLS: 465, noEncryption: 25}[s.Encryption]
	if port == 0 {
		wrong("encryption", `must be "starttls", "tls" or "none"`)
	}
	if s.Port == 0 {
		s.Port = port
	}
	if s.Port < 0 || s.Port > 65535 {
		wrong("port", "must be 1 to 65535")
	}
	if (s.Username == "") != (s.Password == "") {
		wrong("username", "and a password belong together; give both or none")
	}
	if s.Username != "" && s.Encryption == noEncryption {
		wrong("encryption", `must be "starttls" or "tls": a password is never sent in clear text`)
	}
	if s.From != "" {
		if _, err := parseAddress(s.From); err != nil {
			wrong("from", "must be an e-mail address: "+err.Error())
		}
	}
	return errors.Join(all...)
}

// sender returns a sender to the server.
func (s *Server) sender() *sender {
	config := &tls.Config{ServerName: s.Host, RootCAs: s.CA, MinVersion: tls.VersionTLS12}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.Encryption == implicitTLS {
			return (&tls.Dialer{Config: config}).DialContext(ctx, network, address)
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	policy := map[string]mail.TLSPolicy{startTLS: mail.TLSMandatory, implicitTLS: mail.TLSOpportunistic, noEncryption: mail.NoTLS}[s.Encryption]
	options := []mail.Option{mail.WithPort(s.Port), mail.WithTLSConfig(config), mail.WithTLSPolicy(policy)}
	if s.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(s.Username), mail.WithPassword(s.Password))
	}
	out := newSender(s.Host, dial, options...)
	out.patience = outsidePatience
	return out
}

// hidden is an error without the password.
func (s *Server) hidden(err error) error {
	if text := err.Error(); s.concealed(text) != text {
		return errors.New(s.concealed(text))
	}
	return err
}

// concealed is a text without the password.
func (s *Server) concealed(text string) string {
	if s.Password == "" {
		return text
	}
	return strings.ReplaceAll(text, s.Password, "[…]")
}
