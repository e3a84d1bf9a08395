package mail

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// recipient is whom one message is for, and the data of its templates.
type recipient struct {
	Index int    // from 1
	Name  string // "Ada Lovelace"
	Email string // "ada.lovelace@example.com"

	address address
}

// inventedRecipient is the i-th of an endless list of people at example.com, i from 0. All
// addresses differ.
func inventedRecipient(i int) recipient {
	round, place := i/(len(firstNames)*len(lastNames)), i%(len(firstNames)*len(lastNames))
	first := firstNames[place%len(firstNames)]
	last := lastNames[(place/len(firstNames)+place)%len(lastNames)]
	local := strings.ToLower(first + "." + last)
	if round > 0 {
		local += strconv.Itoa(round + 1)
	}
	address := address{name: first + " " + last, local: local, domain: "example.com", ascii: "example.com"}
	return recipient{Index: i + 1, Name: address.name, Email: address.String(), address: address}
}

// givenRecipient reads an address, bare or as in "Ada Lovelace <ada@example.com>". Without a name
// it makes one of the local part. On an error Email is the text as given.
func givenRecipient(i int, text string) (recipient, error) {
	r := recipient{Index: i + 1, Email: text}
	address, err := parseAddress(text)
	if err != nil {
		return r, err
	}
	if address.name == "" {
		address.name = nameFrom(address.local)
	}
	r.Email, r.Name, r.address = address.String(), address.name, address
	return r, nil
}

// nameFrom makes "Ada Lovelace" of "ada.lovelace+news", what stands before the @.
func nameFrom(local string) string {
	local, _, _ = strings.Cut(local, "+")
	words := strings.FieldsFunc(local, func(r rune) bool { return r == '.' || r == '_' || r == '-' })
	for i, word := range words {
		first, size := utf8.DecodeRuneInString(word)
		words[i] = string(unicode.ToUpper(first)) + word[size:]
	}
	return strings.Join(words, " ")
}

// The numbers of names, 59 and 61, have no common divisor: every pair comes up once before one
// comes up again.
var firstNames = strings.Fields(`
	Ada Alan Grace Edsger Barbara Donald Frances Dennis Radia Ken Hedy Claude Margaret John
	Katherine Tony Shafi Leslie Karen Niklaus Anita Vint Sophie Tim Joan Linus Lynn Guido
	Evelyn Bjarne Mary Rob Adele Larry Annie Brian Jean Peter Kathleen Ole Marlyn Robin Ruth
	Charles Betty Richard Rosa Ivan Susan Konrad Elsa Andrei Mina Kurt Irene Emil Nora Hugo Vera`)

var lastNames = strings.Fields(`
	Lovelace Turing Hopper Dijkstra Liskov Knuth Allen Ritchie Perlman Thompson Lamarr Shannon
	Hamilton Backus Johnson Hoare Goldwasser Lamport Jones Wirth Borg Cerf Wilson Berners Clarke
	Torvalds Conway Rossum Boyd Stroustrup Keller Pike Goldberg Wall Easley Kernighan Bartik Naur
	Booth Dahl Meltzer Milner Teitelbaum Babbage Holberton Hamming Peters Sutherland Kare Zuse
	Brandt Ershov Rees Goedel Greif Post Blackburn Steele Rubin Novak Lindgren`)
