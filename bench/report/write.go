package report

import (
	"bytes"
	"fmt"
	"os"
)

// Part is a part of a document. It stands between two lines with its name.
type Part string

// The parts.
const (
	Short Part = "peers"      // the rows that take seconds
	Long  Part = "peers-long" // the rows that take minutes
)

func (p Part) begin() string { return "<!-- " + string(p) + ":begin -->" }

func (p Part) end() string { return "<!-- " + string(p) + ":end -->" }

// Check reports whether a document has a place for the part.
func (p Part) Check(path string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if _, err := p.in(document, ""); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// WriteInto puts text between the lines of a document, in place of what is there.
func (p Part) WriteInto(path, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := p.in(document, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, changed, 0o644)
}

func (p Part) in(document []byte, text string) ([]byte, error) {
	from := bytes.Index(document, []byte(p.begin()))
	to := bytes.Index(document, []byte(p.end()))
	if from < 0 || to < from {
		return nil, fmt.Errorf("it has no line %s before a line %s", p.begin(), p.end())
	}
	return bytes.Join([][]byte{document[:from+len(p.begin())], []byte(text), document[to:]}, []byte("\n")), nil
}
