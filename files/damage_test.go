package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bytesOf makes n bytes that do not repeat.
func bytesOf(n int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func putBytes(t *testing.T, s *Store, b []byte) Info {
	t.Helper()
	info, err := s.Put(context.Background(), "some.csv", "", bytes.NewReader(b), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func readAll(s *Store, id string) ([]byte, error) {
	f, _, err := s.Open(id)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

var sizes = []int{0, 1, 5, blockSize - 1, blockSize, blockSize + 1, 3*blockSize + 7}

func TestNoByteOfADamagedFileIsRead(t *testing.T) {
	for _, size := range sizes[1:] {
		dir := t.TempDir()
		s := open(t, dir)
		whole := bytesOf(size)
		info := putBytes(t, s, whole)
		for _, at := range []int{0, size / 2, size - 1} {
			bad := bytes.Clone(whole)
			bad[at] ^= 1
			if err := os.WriteFile(filepath.Join(dir, placeOf(info.ID)), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := readAll(s, info.ID)
			if !errors.Is(err, ErrDamaged) || !bytes.HasPrefix(whole, got) || len(got) > at {
				t.Errorf("%d bytes, damaged at %d: read %d, %v", size, at, len(got), err)
			}
			if err := s.Check(t.Context(), info.ID); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "some.csv") {
				t.Errorf("%d bytes, damaged at %d: Check: %v", size, at, err)
			}
			audit, err := s.Verify(t.Context(), nil)
			if err != nil || audit.Files != 0 || len(audit.Damaged) != 1 || audit.Damaged[0].ID != info.ID {
				t.Errorf("%d bytes, damaged at %d: Verify: %+v, %v", size, at, audit, err)
			}
			putBytes(t, s, whole)
			if got, err := readAll(s, info.ID); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("%d bytes, put again: read %d, %v", size, len(got), err)
			}
		}
		for name, bad := range map[string][]byte{"emptied": nil, "cut": whole[:size-1], "longer": append(bytes.Clone(whole), 0)} {
			if err := os.WriteFile(filepath.Join(dir, placeOf(info.ID)), bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := readAll(s, info.ID); !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes, %s: %v", size, name, err)
			}
		}
	}
}

func TestADescriptionThatIsBrokenOrMissingIsMadeAnew(t *testing.T) {
	for _, size := range sizes {
		dir := t.TempDir()
		s := open(t, dir)
		whole := bytesOf(size)
		info := putBytes(t, s, whole)
		path := filepath.Join(dir, descriptionOf(info.ID))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := bytes.Replace(text, []byte("some.csv"), []byte("rome.csv"), 1)
		for name, bad := range map[string][]byte{"cut": text[:len(text)/2], "empty": {}, "another name": flipped, "missing": nil} {
			if bad == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, bad, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Stat(info.ID)
			want := Info{ID: info.ID, SHA256: info.ID, Name: "file-" + info.ID[:8], Size: int64(size), ContentType: got.ContentType}
			if diff := cmp.Diff(want, got); err != nil || diff != "" || got.ContentType == "" {
				t.Errorf("%d bytes, %s: %v %s", size, name, err, diff)
			}
			if read, err := readAll(s, info.ID); err != nil || !bytes.Equal(read, whole) {
				t.Errorf("%d bytes, %s: read %d, %v", size, name, len(read), err)
			}
			if again, err := s.Stat(info.ID); err != nil || again != got {
				t.Errorf("%d bytes, %s: then %+v, %v", size, name, again, err)
			}
		}
	}
}

// A store of before had descriptions without hashes of blocks and without a check.
func TestADescriptionOfBeforeIsCompleted(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	whole := bytesOf(2*blockSize + 9)
	info := putBytes(t, s, whole)
	old := `{"id":"` + info.ID + `","name":"old name.csv","size":524297,"content_type":"text/csv","sha256":"` + info.ID + `"}`
	path := filepath.Join(dir, descriptionOf(info.ID))
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(s, info.ID); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("read %d, %v", len(got), err)
	}
	if got, err := s.Stat(info.ID); err != nil || got.Name != "old name.csv" || got.ContentType != "text/csv" {
		t.Errorf("%+v, %v", got, err)
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Contains(text, []byte(`"blocks"`)) {
		t.Errorf("%s, %v", text, err)
	}
	bad := bytes.Clone(whole)
	bad[3] ^= 1
	if err := errors.Join(os.WriteFile(path, []byte(old), 0o600), os.WriteFile(filepath.Join(dir, placeOf(info.ID)), bad, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(info.ID); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged before it was completed: %v", err)
	}
}

func TestAVerificationTellsHowFarItIsAndChangesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, size := range sizes {
		putBytes(t, s, bytesOf(size))
	}
	broken := descriptionOf(putBytes(t, s, []byte("hello")).ID)
	if err := os.WriteFile(filepath.Join(dir, broken), []byte("no JSON"), 0o600); err != nil {
		t.Fatal(err)
	}
	look, err := OpenReadOnly(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer look.Close()
	last, total := int64(-1), int64(0)
	audit, err := look.Verify(t.Context(), func(done, all int64) {
		if done < last || done > all {
			t.Errorf("from %d to %d of %d", last, done, all)
		}
		last, total = done, all
	})
	if err != nil || audit.Files != int64(len(sizes))+1 || audit.Bytes != total || last != total || len(audit.Damaged) != 0 {
		t.Errorf("%+v, %v; %d of %d", audit, err, last, total)
	}
	if text, err := os.ReadFile(filepath.Join(dir, broken)); err != nil || string(text) != "no JSON" {
		t.Errorf("the description is now %q, %v", text, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := look.Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled one: %v", err)
	}
}
