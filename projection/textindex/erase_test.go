package textindex

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestWordsOfErasedDocumentsAreInNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.db")
	x, err := Open(path, "log")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = x.Close() }()
	has := func(text string) (names []string) {
		for _, end := range []string{"", "-wal"} {
			content, err := os.ReadFile(path + end)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(content, []byte(text)) {
				names = append(names, end)
			}
		}
		return names
	}
	for batch := range int64(20) { // some are merged
		var docs []Doc
		for n := batch * 100; n < batch*100+100; n++ {
			docs = append(docs, Doc{Number: n + 1, Texts: [][]byte{fmt.Appendf(nil, `"q%03d zebra%d common"`, n%1000, n%2)}})
		}
		if err := x.Add(t.Context(), docs, batch+1); err != nil {
			t.Fatal(err)
		}
	}
	if has("zebra0") == nil {
		t.Fatal("the word is in no file before it is erased")
	}
	var docs []Doc
	for n := int64(0); n < 2000; n += 2 {
		docs = append(docs, Doc{Number: n + 1, Erased: true})
	}
	if err := x.Add(t.Context(), docs, 21); err != nil {
		t.Fatal(err)
	}
	if names := has("zebra0"); names != nil {
		t.Errorf("%q have the word", names)
	}
	for text, want := range map[string]int{"zebra0": 0, "zebra1": 1000, "common": 1000} {
		if found, err := x.Search(t.Context(), ParseQuery(text), 0, 2000); err != nil || len(found) != want {
			t.Errorf("%s: %d found, want %d: %v", text, len(found), want, err)
		}
	}
	if x.Docs() != 1000 {
		t.Errorf("%d documents", x.Docs())
	}
}
