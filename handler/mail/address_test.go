package mail

import (
	"mime"
	"net"
	netmail "net/mail"
	"strings"
	"testing"
	testquick "testing/quick"
	"unicode/utf8"

	"daybook/handler"
	"daybook/handler/handlertest"
)

func TestARefusedAddressSaysWhy(t *testing.T) {
	for text, why := range map[string]string{
		"x@a_b.com":                             "a character that DNS does not allow",
		"x@" + strings.Repeat("a", 64) + ".com": "1 to 63 characters",
		"group: a@x.example;":                   "it is a group",
		"undisclosed-recipients:;":              "it is a group",
	} {
		if _, err := parseAddress(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", text, err, why)
		}
	}
}

func TestAddressesAreReadStrictly(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := map[string]struct{ want, path string }{ // path "" = refused
		"ada@example.com":                          {"ada@example.com", "ada@example.com"},
		"  Ada <ada@example.com>\u00a0":            {"ada@example.com", "ada@example.com"},
		"\ufeffada@example.com":                    {"ada@example.com", "ada@example.com"},
		"\u200bada@example.com\u2060":              {"ada@example.com", "ada@example.com"},
		`"a@b c"@internal.example`:                 {`"a@b c"@internal.example`, `"a@b c"@internal.example`},
		`"a\"b"@internal.example`:                  {`"a\"b"@internal.example`, `"a\"b"@internal.example`},
		`"ada"@example.com`:                        {"ada@example.com", "ada@example.com"},
		`"a..b"@example.com`:                       {`"a..b"@example.com`, `"a..b"@example.com`},
		"ada@bücher.example":                       {"ada@bücher.example", "ada@xn--bcher-kva.example"},
		"ada@BÜCHER.example":                       {"ada@BÜCHER.example", "ada@xn--bcher-kva.example"},
		"ådа@example.com":                          {"ådа@example.com", "ådа@example.com"},
		"ada@[192.0.2.1]":                          {"ada@[192.0.2.1]", "ada@[192.0.2.1]"},
		"ada@[IPv6:2001:db8::1]":                   {},
		"ada@r3---sn-x.example":                    {"ada@r3---sn-x.example", "ada@r3---sn-x.example"},
		"ada@" + long + ".example":                 {"ada@" + long + ".example", "ada@" + long + ".example"},
		"نام\u200cها <ada@example.com>":            {"ada@example.com", "ada@example.com"},
		"a\u200bda@example.com":                    {},
		"ada@exa\u00admple.com":                    {},
		"ada@exam\u200dple.com":                    {},
		"ada\u00a0b@example.com":                   {},
		"\u202eada <ada@example.com>":              {"ada@example.com", "ada@example.com"},
		"A\u202eda <ada@example.com>":              {},
		"=?utf-8?q?A=E2=80=AE?= <a@example.com>":   {},
		"\"a\tb\"@example.com":                     {},
		"a\u3164b@example.com":                     {},
		"ada@example.com\x00":                      {"ada@example.com", "ada@example.com"},
		"ada@exa\xffmple.com":                      {},
		"ada@-example.com":                         {},
		"ada@example-.com":                         {},
		"ada@exa_mple.com":                         {},
		"ada@exam ple.com":                         {},
		"ada@" + long + "a.example":                {},
		"ada@" + strings.Repeat(long+".", 4) + "x": {},
		"ada@192.0.2.1":                            {},
		"ada@[300.0.2.1]":                          {},
		"ada@[2001:db8::1]":                        {},
		"ada@example..com":                         {},
		"ada@":                                     {},
		"@example.com":                             {},
		`""@example.com`:                           {},
		strings.Repeat("a", 65) + "@example.com":   {},
		strings.Repeat("a", 60) + "@" + strings.Repeat("abcdefg.", 25) + "example": {},
		strings.Repeat("ö", 33) + "@example.com":                                   {},
		strings.Repeat("N", 255) + " <ada@example.com>":                            {},
	}
	for text, test := range tests {
		a, err := parseAddress(text)
		if test.path == "" {
			if err == nil {
				t.Errorf("%q is read as %s", text, a)
			} else if !strings.HasPrefix(err.Error(), "not an e-mail address") {
				t.Errorf("%q: %v", text, err)
			}
			continue
		}
		if err != nil || a.String() != test.want || a.path() != test.path {
			t.Errorf("%q: %q, %q, %v", text, a, a.path(), err)
		}
	}
}

func TestTheResultShowsAnAddressAsItIsWritten(t *testing.T) {
	result, err := simulate(t, t.Context(), map[string]any{"delay_per_email": 0, "recipients": []string{
		`"a@b c"@internal.example`, "Zoë <zoe@bücher.example>", "fullerton@example.com", "unbounced@example.com", "full@example.com",
		"Bounce+x@example.com", "jürgen@münchen.example",
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range result.Recipients {
		got = append(got, r.Status+" "+r.Email)
	}
	want := "sent \"a@b c\"@internal.example, sent zoe@bücher.example, sent fullerton@example.com, sent unbounced@example.com, " +
		"failed full@example.com, failed Bounce+x@example.com, sent jürgen@münchen.example"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
}

func TestTemplatesCutBetweenCharacters(t *testing.T) {
	for body, want := range map[string]string{
		"{{slice .Name 0 1}}": "A\u030a", "{{slice .Name 1}}": "sa 👩‍👩‍👧!", "{{len .Name}}": "6",
		"{{index .Name 4}}": "👩‍👩‍👧", "{{slice .Name 2 2}}": "", "{{slice .Name 0 3 | upper}}": "A\u030aSA", "{{slice .Name}}": "A\u030asa 👩‍👩‍👧!",
		"{{if gt (len .Name) 5}}long{{end}}": "long",
	} {
		l, err := newLetter("s", body)
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := l.render(recipient{Name: "A\u030asa 👩‍👩‍👧!"})
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", body, got, err, want)
		}
	}
	for _, body := range []string{"{{slice .Name 0 7}}", "{{slice .Name 3 2}}", "{{slice .Name -1}}", "{{index .Name 6}}", "{{slice .Name 0 1 2}}", `{{printf "%.1s" .Name}}`} {
		l, err := newLetter("s", body)
		if err == nil {
			_, _, err = l.render(recipient{Name: "A\u030asa 👩‍👩‍👧!"})
		}
		if err == nil {
			t.Errorf("%s is allowed", body)
		}
	}
}

// sentTo is the text of the one message that these parameters lead to.
func sentTo(t *testing.T, params map[string]any) string {
	t.Helper()
	server := startRecorder(t)
	var conns []net.Conn
	params["delay_per_email"] = 0
	m, err := newMailing(t.Context(), handler.Call{TaskID: "01JX", Parameters: handlertest.Prepare(t, Simulation{}, params), Report: func(float64, string) {}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.run(t.Context(), server.sender(t, &conns)); err != nil {
		t.Fatal(err)
	}
	if len(server.messages) != 1 {
		t.Fatalf("%d messages", len(server.messages))
	}
	return server.messages[0]
}

func TestHeadersAreByTheStandard(t *testing.T) {
	name := strings.Repeat("Ünal ", 40)
	for _, subject := range []string{
		"plain", strings.Repeat("x", 990), strings.Repeat("word ", 190) + "end", strings.Repeat("ö", 480), "=?utf-8?q?fake?= subject",
		"Hi\r\nBcc: all@example.com", "a\u2028Bcc: all@example.com", "👩‍👩‍👧 " + strings.Repeat("👩‍👩‍👧", 40), "  two  spaces ",
	} {
		text := sentTo(t, map[string]any{
			"recipients": []string{name + "<zoe@bücher.example>"}, "from": "\"Büro, Nord\" <news@bücher.example>", "subject": subject, "body": strings.Repeat("ä", 3000),
		})
		header, _, _ := strings.Cut(text, "\r\n\r\n")
		for line := range strings.SplitSeq(header, "\r\n") {
			if len(line) > 78 {
				t.Errorf("a header line of %d bytes: %.90s", len(line), line)
			}
			if strings.Contains(line, "Bcc") && !strings.HasPrefix(line, "Subject: ") || strings.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) {
				t.Errorf("a header line %q", line)
			}
		}
		for line := range strings.SplitSeq(text, "\r\n") {
			if len(line) > maxLine {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
		message, err := netmail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
		if want := oneLine(subject); err != nil || got != want {
			t.Errorf("subject %q, want %q, %v", got, want, err)
		}
		if id := message.Header.Get("Message-Id"); id != "<01JX.1@xn--bcher-kva.example>" {
			t.Errorf("Message-ID %s", id)
		}
		from, err := netmail.ParseAddress(message.Header.Get("From"))
		if err != nil || from.Address != "news@xn--bcher-kva.example" || from.Name != "Büro, Nord" {
			t.Errorf("from %v, %v", from, err)
		}
		to, err := netmail.ParseAddress(message.Header.Get("To"))
		if err != nil || to.Address != "zoe@xn--bcher-kva.example" || to.Name != strings.TrimSpace(name) {
			t.Errorf("to %v, %v", to, err)
		}
	}
}

func TestEveryTextComesOutOfAHeaderAsItWentIn(t *testing.T) {
	check := func(text string) bool {
		text = oneLine(strings.ToValidUTF8(text, "?"))
		header := headerText(text)
		got, err := new(mime.WordDecoder).DecodeHeader(header)
		for word := range strings.SplitSeq(header, " ") {
			if len(word) > maxEncodedWord {
				return false
			}
		}
		return err == nil && got == text
	}
	if err := testquick.Check(check, &testquick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestAMessageWithABadIDOrALongLineIsRefused(t *testing.T) {
	const good = "From: A <a@example.com>\r\nTo: <b@example.com>\r\nSubject: s\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n" +
		"Message-ID: <1@example.com>\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\ntext\r\n"
	for bad, want := range map[string]string{
		"<=?utf-8?q?1=40x?=>": "is no Message-ID", "<1@bücher.example>": "is no Message-ID", "1@example.com": "is no Message-ID",
		"<1@example.com>\r\nX: " + strings.Repeat("x", 999): "more than 998 bytes",
	} {
		err := checkMessage(strings.NewReader(strings.Replace(good, "<1@example.com>", bad, 1)), "a@example.com", "b@example.com")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
