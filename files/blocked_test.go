package files

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// things are what can lie in the place of a file or folder of the store.
var things = map[string]func(t *testing.T, path string){
	"a pipe":   func(t *testing.T, path string) { must(t, syscall.Mkfifo(path, 0o600)) },
	"a file":   func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("x"), 0o600)) },
	"a folder": func(t *testing.T, path string) { must(t, os.MkdirAll(filepath.Join(path, "x"), 0o700)) },
	"a loop":   func(t *testing.T, path string) { must(t, os.Symlink(filepath.Base(path), path)) },
	"a socket": func(t *testing.T, path string) {
		t.Chdir(filepath.Dir(path)) // the name of a socket may have 100 bytes
		l, err := net.Listen("unix", filepath.Base(path))
		must(t, err)
		t.Cleanup(func() { must(t, l.Close()) })
	},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever lies in the place of something of the store, an upload replaces it or says so, nothing
// waits for it, and Verify names what is left.
func TestWhatLiesInAPlaceOfTheStoreIsReplacedOrNamed(t *testing.T) {
	content := bytesOf(5)
	for thing, lay := range things {
		for what, nameOf := range map[string]func(id string) string{
			"its folder": folderOf, "its place": placeOf, "its description": descriptionOf, "the uploads": func(string) string { return unfinished },
		} {
			t.Run(thing+" for "+what, func(t *testing.T) {
				dir := t.TempDir()
				s := open(t, dir)
				info := putBytes(t, s, content)
				name := nameOf(info.ID)
				must(t, os.RemoveAll(filepath.Join(dir, name)))
				lay(t, filepath.Join(dir, name))
				if _, err := s.Stat(info.ID); err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) {
					t.Errorf("Stat: %v", err)
				}
				got, err := readAll(s, info.ID)
				if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDamaged) || err == nil && !bytes.Equal(got, content) {
					t.Errorf("read %q, %v", got, err)
				}
				_, err = s.Put(context.Background(), "a", "", bytes.NewReader(content), 1<<20)
				audit, verifyErr := s.Verify(context.Background(), nil)
				if verifyErr != nil {
					t.Fatal(verifyErr)
				}
				whole := audit.Damage() == "" && audit.Files == 1
				switch {
				case err == nil:
					if got, err := readAll(s, info.ID); err != nil || !bytes.Equal(got, content) || !whole {
						t.Errorf("it was stored and is read as %q, %v; %+v", got, err, audit)
					}
				case !errors.Is(err, ErrBlocked):
					t.Errorf("Put: %v", err)
				case len(audit.Blocked) != 1 || audit.Blocked[0] != name || audit.Damage() == "":
					t.Errorf("Put: %v, but %+v", err, audit)
				}
			})
		}
	}
}

func TestAStoreThatIsNoFolderIsRefusedAtOnce(t *testing.T) {
	for thing, lay := range things {
		if thing == "a folder" {
			continue
		}
		dir := filepath.Join(t.TempDir(), "files")
		lay(t, dir)
		for what, open := range map[string]func(string) (*Store, error){"Open": Open, "OpenReadOnly": OpenReadOnly} {
			if s, err := open(dir); err == nil {
				must(t, s.Close())
				t.Errorf("%s of %s opens it", what, thing)
			}
		}
	}
}
