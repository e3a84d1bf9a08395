package report

import (
	"bytes"
	"fmt"
	"os"
)

// The report stands between these lines of a document.
const (
	begin = "<!-- peers:begin -->"
	end   = "<!-- peers:end -->"
)

// WriteInto puts text between the markers of a document, in place of what is there.
func WriteInto(path, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	changed, err := between(document, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, changed, 0o644)
}

func between(document []byte, text string) ([]byte, error) {
	from := bytes.Index(document, []byte(begin))
	to := bytes.Index(document, []byte(end))
	if from < 0 || to < from {
		return nil, fmt.Errorf("it has no line %s before a line %s", begin, end)
	}
	return bytes.Join([][]byte{document[:from+len(begin)], []byte(text), document[to:]}, []byte("\n")), nil
}
