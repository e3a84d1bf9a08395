package files

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestAPipeInThePlaceOfAFileIsNotWaitedFor(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a.txt", "text/plain", "hello")
	path := filepath.Join(dir, filepath.FromSlash(placeOf(helloID)))
	if err := errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)); err != nil {
		t.Fatal(err)
	}
	audit, err := s.Verify(t.Context(), func(int64, int64) {})
	if err != nil || len(audit.Damaged) != 1 {
		t.Errorf("%+v, %v", audit, err)
	}
}
