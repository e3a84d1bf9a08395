package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

const helloID = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" // of "hello"

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t *testing.T, s *Store, name, contentType, body string) Info {
	t.Helper()
	info, err := s.Put(context.Background(), name, contentType, strings.NewReader(body), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func TestAFileComesBackAsItWasPutAlsoAfterReopening(t *testing.T) {
	dir := t.TempDir()
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := Info{ID: helloID, Name: "greeting.csv", Size: 5, ContentType: "text/csv", SHA256: helloID}
	if diff := cmp.Diff(want, put(t, first, "greeting.csv", "", "hello")); diff != "" {
		t.Errorf("Put (-want +got):\n%s", diff)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	s := open(t, dir)
	f, info, err := s.Open(helloID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if diff := cmp.Diff(want, info); diff != "" {
		t.Errorf("Open (-want +got):\n%s", diff)
	}
	body, err := io.ReadAll(f)
	if err != nil || string(body) != "hello" {
		t.Errorf("read %q, %v", body, err)
	}
	if _, err := f.Seek(1, io.SeekStart); err != nil {
		t.Error(err)
	}
	body, err = io.ReadAll(f)
	if err != nil || string(body) != "ello" {
		t.Errorf("read from byte 1: %q, %v", body, err)
	}
}

func TestTheSameBytesAreKeptOnceUnderTheirLatestName(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "a.csv", "text/csv", "hello")
	second := put(t, s, "b.txt", "text/plain", "hello")
	if second.ID != helloID || second.Name != "b.txt" || second.ContentType != "text/csv" {
		t.Errorf("second Put: %+v", second)
	}
	kept, err := s.Stat(helloID)
	if err != nil || kept.Name != "b.txt" || kept.ContentType != "text/csv" {
		t.Errorf("Stat: %+v, %v", kept, err)
	}
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("files on disk: %v", got)
	}
}

func TestAnEmptyFileIsAFile(t *testing.T) {
	s := open(t, t.TempDir())
	info := put(t, s, "", "", "")
	if info.Size != 0 || info.Name != "file" {
		t.Errorf("%+v", info)
	}
	if _, err := s.Stat(info.ID); err != nil {
		t.Error(err)
	}
}

func TestNothingIsLeftOfAPutThatEndsInAnError(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	broken := errors.New("connection reset")
	tests := []struct {
		name  string
		ctx   context.Context
		r     io.Reader
		limit int64
		want  error
	}{
		{"too large", context.Background(), strings.NewReader("hello"), 4, ErrTooLarge},
		{"broken", context.Background(), io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(broken)), 10, broken},
		{"cancelled", cancelled, strings.NewReader("hello"), 10, context.Canceled},
		{"full", context.Background(), io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(syscall.ENOSPC)), 10, ErrFull},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			info, err := s.Put(test.ctx, "x", "", test.r, test.limit)
			if !errors.Is(err, test.want) || info != (Info{}) {
				t.Errorf("Put = %+v, %v; want %v", info, err, test.want)
			}
			if got := names(t, dir); len(got) != 0 {
				t.Errorf("left behind: %v", got)
			}
		})
	}
}

func TestAFileOfExactlyTheLimitIsTaken(t *testing.T) {
	s := open(t, t.TempDir())
	if _, err := s.Put(context.Background(), "x", "", strings.NewReader("hello"), 5); err != nil {
		t.Error(err)
	}
}

func TestUnfinishedUploadsAreRemovedAtOpen(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, unfinished), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, unfinished, "half"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestADescriptionWithoutItsFileIsNotAFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "x", "", "hello")
	if err := os.Remove(filepath.Join(dir, placeOf(helloID))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(helloID); !errors.Is(err, ErrNotFound) {
		t.Errorf("Stat: %v", err)
	}
	put(t, s, "y", "", "hello")
	if info, err := s.Stat(helloID); err != nil || info.Name != "y" {
		t.Errorf("Stat after the second Put: %+v, %v", info, err)
	}
}

func TestAFileThatWasCutShortIsMendedByItsNextPut(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "x", "", "hello")
	if err := os.Truncate(filepath.Join(dir, placeOf(helloID)), 2); err != nil {
		t.Fatal(err)
	}
	put(t, s, "x", "", "hello")
	if info, err := s.Stat(helloID); err != nil || info.Size != 5 {
		t.Errorf("Stat: %+v, %v", info, err)
	}
}

func TestUnknownAndMalformedIDsAreNotFound(t *testing.T) {
	s := open(t, t.TempDir())
	for _, id := range []string{"", "x", "../../etc/passwd", strings.ToUpper(helloID), helloID, helloID + "0",
		strings.Repeat(".", 64), "unfinished", helloID[:62] + "/a"} {
		if _, err := s.Stat(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("Stat(%q): %v", id, err)
		}
		if _, _, err := s.Open(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("Open(%q): %v", id, err)
		}
	}
}

func TestManyPutsOfTheSameBytesAtOnceAllSucceed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	body := bytes.Repeat([]byte("0123456789"), 50_000)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			info, err := s.Put(context.Background(), "same", "", bytes.NewReader(body), 1<<20)
			if err != nil {
				t.Error(err)
				return
			}
			f, _, err := s.Open(info.ID)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, body) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	group.Wait()
	if got := names(t, dir); len(got) != 2 {
		t.Errorf("files on disk: %v", got)
	}
}

// names lists the files, not the folders, below dir.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// smallDisk mounts a file system of 1 MB until the test ends.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "daybook-test", dir).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must be allowed to mount a tmpfs: %v: %s", err, out)
		}
		t.Skipf("a small disk needs the right to mount a tmpfs: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir
}

func TestAFullDiskIsErrFullAndHeals(t *testing.T) {
	disk := smallDisk(t)
	s := open(t, filepath.Join(disk, "files"))
	_, err := s.Put(context.Background(), "x", "", bytes.NewReader(make([]byte, 8<<20)), 1<<30)
	if !errors.Is(err, ErrFull) {
		t.Errorf("Put of 8 MiB: %v", err)
	}
	put(t, s, "y", "", "hello")
	if got := names(t, disk); len(got) != 2 {
		t.Errorf("files on disk: %v", got)
	}
}
