package mail

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// What an address may have, in bytes (RFC 5321, 4.5.3.1).
const (
	maxLocalPart = 64
	maxDomain    = 255
	maxAddress   = 254 // what a path leaves of 256
	maxName      = 254
)

// address is one address with the name of its person.
type address struct {
	name   string
	local  string // without quotes
	domain string // as it was written, or in brackets
	ascii  string // the domain in the form of DNS
}

// parseAddress reads one address, bare or as in "Ada Lovelace <ada@example.com>". White space and
// invisible characters around it are dropped, within they are refused. Its error speaks to the person who typed it.
func parseAddress(text string) (address, error) {
	text = strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || isInvisible(r) })
	if !utf8.ValidString(text) {
		return address{}, notAnAddress("it is not UTF-8")
	}
	for _, r := range text {
		if r == '\t' || isInvisible(r) && !joinsLetters(r) {
			return address{}, notAnAddress(fmt.Sprintf("it has an invisible character, U+%04X", r))
		}
	}
	if strings.HasSuffix(text, ";") { // which nothing else can end with
		return address{}, notAnAddress("it is a group; give each of its addresses by itself")
	}
	parsed, err := netmail.ParseAddress(text)
	if err != nil {
		return address{}, errors.New("not an e-mail address")
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	a := address{name: parsed.Name, local: parsed.Address[:at], domain: parsed.Address[at+1:]}
	return a, a.check()
}

// check refuses what mail servers would, and what people cannot see.
func (a *address) check() error {
	// Names in encoded words are not seen before.
	if strings.ContainsFunc(a.local+a.domain, isInvisible) ||
		strings.ContainsFunc(a.name, func(r rune) bool { return isInvisible(r) && !joinsLetters(r) }) {
		return notAnAddress("it has an invisible character")
	}
	var err error
	if a.ascii, err = asciiDomain(a.domain); err != nil {
		return err
	}
	switch {
	case a.local == "":
		return notAnAddress("nothing before the @")
	case len(quoteLocal(a.local)) > maxLocalPart:
		return notAnAddress(fmt.Sprintf("more than %d bytes before the @", maxLocalPart))
	case len(a.path()) > maxAddress:
		return notAnAddress(fmt.Sprintf("longer than %d bytes", maxAddress))
	case len(a.name) > maxName:
		return notAnAddress(fmt.Sprintf("a name longer than %d bytes", maxName))
	}
	return nil
}

func notAnAddress(why string) error { return errors.New("not an e-mail address: " + why) }

// String is the address as people write it, without the name: "a@b c"@example.com.
func (a address) String() string { return quoteLocal(a.local) + "@" + a.domain }

// path is the address as SMTP and headers want it.
func (a address) path() string { return quoteLocal(a.local) + "@" + a.ascii }

// mail is the address for a header.
func (a address) mail() netmail.Address {
	return netmail.Address{Name: a.name, Address: a.local + "@" + a.ascii}
}

// quoteLocal puts the part before the @ in quotes if it needs them.
func quoteLocal(local string) string {
	plain := local != "" && !strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(local, "..")
	for _, r := range local {
		plain = plain && (r > unicode.MaxASCII || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune("!#$%&'*+-/=?^_`{|}~.", r))
	}
	if plain {
		return local
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
}

// domains checks and converts names of DNS (RFC 5890, UTS 46): labels of at most 63 bytes, of
// letters, digits and hyphens.
var domains = idna.New(idna.MapForLookup(), idna.StrictDomainName(true), idna.BidiRule(), idna.VerifyDNSLength(true), idna.CheckHyphens(false))

// asciiDomain is the form of a domain in DNS, or of an address in brackets.
func asciiDomain(domain string) (string, error) {
	if literal, ok := strings.CutPrefix(domain, "["); ok {
		if ip, err := netip.ParseAddr(strings.TrimSuffix(literal, "]")); err != nil || !ip.Is4() {
			return "", notAnAddress("no IPv4 address in the brackets")
		}
		return domain, nil
	}
	if len(domain) > maxDomain {
		return "", notAnAddress(fmt.Sprintf("more than %d bytes after the @", maxDomain))
	}
	ascii, err := domains.ToASCII(domain)
	if err != nil {
		return "", notADomain(domain)
	}
	labels := strings.Split(ascii, ".")
	for _, label := range labels {
		switch {
		case label == "" || len(label) > 63:
			return "", notAnAddress("each part of the domain has 1 to 63 characters")
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return "", notAnAddress("a part of the domain begins or ends with a hyphen")
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", notAnAddress("a domain does not end with a number; an IP address is written in brackets")
	}
	return ascii, nil
}

// notADomain says why a domain is none, as far as that can be seen in its text.
func notADomain(domain string) error {
	if domain == "" {
		return notAnAddress("no domain after the @")
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 && isASCII(label) {
			return notAnAddress("each part of the domain has 1 to 63 characters")
		}
	}
	return notAnAddress("the domain has a character that DNS does not allow: its parts are letters, digits and hyphens")
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

// isInvisible reports whether a character is not shown, moves other characters, or looks like a space.
func isInvisible(r rune) bool {
	return r != ' ' && (unicode.In(r, unicode.C, unicode.Z, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == utf8.RuneError || r == '\u2800')
}

// joinsLetters reports whether an invisible character is part of names in some scripts.
func joinsLetters(r rune) bool {
	return r == '\u200c' || r == '\u200d' || unicode.Is(unicode.Variation_Selector, r)
}
