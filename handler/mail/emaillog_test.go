package mail

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"daybook/handler/handlertest"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

var queuedAs = regexp.MustCompile(`queued as [^ "]*`)

func TestTheLogTellsWhatTheMailServerAnswered(t *testing.T) {
	r := startRelay(t, startTLS)
	r.server.Username, r.server.Password = "shop", "right horse"
	answers := map[string]error{
		"later@example.com":  &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted right horse"},
		"nobody@example.com": &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox"},
	}
	r.answer = func(to string) error { return answers[to] }
	k := newMailTask(t, r, map[string]any{"subject": "s", "recipients": []string{"ada@example.com", "no address", "later@example.com", "nobody@example.com"}})
	connected := `level=INFO msg="connected to the mail server" port=` + strconv.Itoa(r.server.Port) + ` encryption=starttls host=127.0.0.1`
	check := func(want ...string) {
		t.Helper()
		newLog, written := handlertest.Log()
		k.call.NewLog = newLog
		_, _ = k.attempt(false)
		text := queuedAs.ReplaceAllString(strings.Join(written(), "\n"), "queued")
		if diff := cmp.Diff(want, strings.Split(text, "\n")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	check(connected,
		`level=INFO msg="accepted by the mail server" email=ada@example.com answer="250 2.0.0 OK: queued"`,
		`level=WARN msg="not sent: the address is not valid" email="no address" reason="`+failureText(k.invalidAddress())+`"`,
		`level=WARN msg="put off by the mail server" email=later@example.com answer="451 4.7.1 Greylisted […]"`,
		`level=WARN msg="refused by the mail server" email=nobody@example.com answer="550 5.1.1 No such mailbox"`,
		`level=WARN msg="the attempt failed; it is retried after the backoff of the task" error="1 of 4 messages were put off by the mail server; later@example.com: 451 4.7.1 Greylisted […]"`)
	delete(answers, "later@example.com")
	check(`level=INFO msg="already accepted or refused in earlier attempts" recipients=3`, connected,
		`level=INFO msg="accepted by the mail server" email=later@example.com answer="250 2.0.0 OK: queued"`)
	k.saved, k.typ.server.Password = nil, "wrong horse"
	check(`level=WARN msg="the attempt failed; it is retried after the backoff of the task" error="connect to the mail server: SMTP AUTH failed: 535 \"5.7.8 Authentication failed\""`)
}

// invalidAddress is what is wrong with an address that is none.
func (*mailTask) invalidAddress() error {
	_, err := parseAddress("no address")
	return err
}
