package tasklog

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oklog/ulid/v2"
)

// filesWith are the files of a folder that have the text.
func filesWith(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

func TestAnErasedLogIsInNoFileAndTheOthersStay(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	for i := range 50 {
		add(t, s, id(1), 1, lines(strings.Repeat("Ada ", i*i), 20)...)
		add(t, s, id(2), 1, lines("Bob ", 20)...)
	}
	if filesWith(t, dir, "Ada") == nil {
		t.Fatal("the text is in no file before it is erased")
	}
	for range 2 {
		if err := s.Erase(t.Context(), []ulid.ULID{id(1), id(3)}); err != nil {
			t.Fatal(err)
		}
		if names := filesWith(t, dir, "Ada"); names != nil {
			t.Errorf("%v have what was erased", names)
		}
		if ada, _ := read(t, s, id(1), Query{}); len(ada) != 0 {
			t.Errorf("%d lines of the erased log", len(ada))
		}
		if bob, _ := read(t, s, id(2), Query{}); len(bob) != 1000 {
			t.Errorf("%d lines of the other log", len(bob))
		}
	}
	add(t, s, id(2), 1, lines("later ", 1)...)
}

func TestALogIsErasedOnAllNodes(t *testing.T) {
	b := newBetween(1 << 30)
	dirs := []string{t.TempDir(), t.TempDir()}
	one, other := openShared(t, dirs[0], b), openShared(t, dirs[1], b)
	defer one.Close()
	defer other.Close()
	add(t, one, id(1), 1, lines("Ada ", 20)...)
	add(t, other, id(2), 1, lines("Bob ", 20)...)
	if err := one.Erase(t.Context(), []ulid.ULID{id(1)}); err != nil {
		t.Fatal(err)
	}
	add(t, other, id(2), 1, lines("later ", 1)...) // it comes after the erasure
	for i, s := range []*Store{one, other} {
		has(t, s, id(2), 21)
		if names := filesWith(t, dirs[i], "Ada"); names != nil {
			t.Errorf("store %d: %v have what was erased", i, names)
		}
	}
}
