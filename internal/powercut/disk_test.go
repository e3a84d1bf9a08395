package powercut

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// left is what a folder holds after a power cut at the end of the trace; a folder is "/".
func left(t *testing.T, fate Fate, seed uint64, ignoreSyncs bool, lines ...string) map[string]string {
	t.Helper()
	return leftOn(t, newDisk(ignoreSyncs), fate, seed, lines...)
}

func leftOn(t *testing.T, d *disk, fate Fate, seed uint64, lines ...string) map[string]string {
	t.Helper()
	return leftAfter(t, d, fate, seed, parsed(t, lines...))
}

func leftAfter(t *testing.T, d *disk, fate Fate, seed uint64, events []event) map[string]string {
	t.Helper()
	for i := range events {
		if err := d.step(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "cut")
	if err := d.lay(dir, fate, rand.New(rand.NewPCG(seed, 1))); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || name == "." {
			return err
		}
		found[name] = "/"
		if !entry.IsDir() {
			var text []byte
			text, err = os.ReadFile(path)
			found[name] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// trace splits lines, and leaves out what is empty.
func trace(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

const (
	makeA   = "1 openat(AT_FDCWD</>, \"/data/a\", O_RDWR|O_CREAT, 0600) = 7</data/a>\n"
	syncA   = "1 fsync(7</data/a>) = 0\n"
	syncDir = "1 fsync(8</data>) = 0\n"
	oldA    = makeA + "1 pwrite64(7</data/a>, \"old\", 3, 0) = 3\n" + syncA + syncDir
)

func TestWhatIsLostAndWhatIsKept(t *testing.T) {
	type files = map[string]string
	for name, c := range map[string]struct {
		trace      string
		lost, kept files
	}{
		"a write without a sync": {oldA + `1 pwrite64(7</data/a>, "new", 3, 0) = 3`, files{"a": "old"}, files{"a": "new"}},
		"a write with one":       {oldA + "1 pwrite64(7</data/a>, \"new\", 3, 0) = 3\n" + syncA, files{"a": "new"}, files{"a": "new"}},
		"a sync that has not ended": {oldA + "1 pwrite64(7</data/a>, \"new\", 3, 0) = 3\n1 fsync(7</data/a> <unfinished ...>\n",
			files{"a": "old"}, files{"a": "new"}},
		"a write during a sync": {oldA + "1 fsync(7</data/a> <unfinished ...>\n2 pwrite64(7</data/a>, \"new\", 3, 0) = 3\n1 <... fsync resumed>) = 0\n",
			files{"a": "old"}, files{"a": "new"}},
		"a sync that failed":    {oldA + "1 pwrite64(7</data/a>, \"new\", 3, 0) = 3\n1 fsync(7</data/a>) = -1 EIO (no)\n", files{"a": "old"}, files{"a": "new"}},
		"a name without a sync": {makeA + syncA, files{}, files{"a": ""}},
		"a file without a sync": {makeA + "1 write(7</data/a>, \"new\", 3) = 3\n" + syncDir, files{"a": ""}, files{"a": "new"}},
		"writes at the position": {oldA + "1 lseek(7</data/a>, 2, SEEK_SET) = 2\n1 write(7</data/a>, \"ne\", 2) = 2\n1 write(7</data/a>, \"w\", 1) = 1\n",
			files{"a": "old"}, files{"a": "olnew"}},
		"a rename":             {oldA + `1 rename("/data/a", "/data/b") = 0`, files{"a": "old"}, files{"b": "old"}},
		"a rename with a sync": {oldA + "1 rename(\"/data/a\", \"/data/b\") = 0\n" + syncDir, files{"b": "old"}, files{"b": "old"}},
		"a rename of a file that was not synced": {oldA + "1 openat(AT_FDCWD</>, \"/data/t\", O_RDWR|O_CREAT, 0600) = 9</data/t>\n" +
			"1 write(9</data/t>, \"new\", 3) = 3\n1 rename(\"/data/t\", \"/data/a\") = 0\n" + syncDir, files{"a": ""}, files{"a": "new"}},
		"a second name":    {oldA + `1 link("/data/a", "/data/b") = 0`, files{"a": "old"}, files{"a": "old", "b": "old"}},
		"a removal":        {oldA + `1 unlink("/data/a") = 0`, files{"a": "old"}, files{}},
		"a synced removal": {oldA + "1 unlink(\"/data/a\") = 0\n" + syncDir, files{}, files{}},
		"a shorter file":   {oldA + `1 ftruncate(7</data/a>, 1) = 0`, files{"a": "old"}, files{"a": "o"}},
		"a longer file":    {oldA + "1 ftruncate(7</data/a>, 5) = 0\n" + syncA, files{"a": "old\x00\x00"}, files{"a": "old\x00\x00"}},
		"an emptied file":  {oldA + `1 openat(AT_FDCWD</>, "/data/a", O_RDWR|O_TRUNC) = 9</data/a>`, files{"a": "old"}, files{"a": ""}},
		"a file in a folder that is not safe": {"1 mkdir(\"/data/d\", 0700) = 0\n1 openat(AT_FDCWD</>, \"/data/d/a\", O_RDWR|O_CREAT, 0600) = 7</data/d/a>\n" +
			"1 fsync(7</data/d/a>) = 0\n1 fsync(8</data/d>) = 0\n", files{}, files{"d": "/", "d/a": ""}},
		"a write to a file that is always synced": {oldA + "1 openat(AT_FDCWD</>, \"/data/a\", O_RDWR|O_SYNC) = 9</data/a>\n1 write(9</data/a>, \"new\", 3) = 3\n",
			files{"a": "new"}, files{"a": "new"}},
		"such a write after one that is not synced": {oldA + "1 pwrite64(7</data/a>, \"12345\", 5, 0) = 5\n1 openat(AT_FDCWD</>, \"/data/a\", O_RDWR|O_SYNC) = 9</data/a>\n" +
			"1 write(9</data/a>, \"new\", 3) = 3\n", files{"a": "new"}, files{"a": "new45"}},
		"two programs with one descriptor": {oldA + "2 openat(AT_FDCWD</>, \"/data/b\", O_RDWR|O_CREAT, 0600) = 7</data/b>\n" + syncDir + "2 write(7</data/b>, \"12\", 2) = 2\n" +
			"1 write(7</data/a>, \"new\", 3) = 3\n", files{"a": "old", "b": ""}, files{"a": "new", "b": "12"}},
		"a folder that is renamed": {"1 mkdir(\"/data/d\", 0700) = 0\n1 openat(AT_FDCWD</>, \"/data/d/a\", O_RDWR|O_CREAT, 0600) = 7</data/d/a>\n" +
			"1 fsync(8</data/d>) = 0\n" + syncDir + "1 rename(\"/data/d\", \"/data/e\") = 0\n", files{"d": "/", "d/a": ""}, files{"e": "/", "e/a": ""}},
	} {
		lines := trace(c.trace)
		if diff := cmp.Diff(c.lost, left(t, Lost, 1, false, lines...)); diff != "" {
			t.Errorf("%s, lost:\n%s", name, diff)
		}
		if diff := cmp.Diff(c.kept, left(t, Kept, 1, false, lines...)); diff != "" {
			t.Errorf("%s, kept:\n%s", name, diff)
		}
	}
}

func TestAJournalKeepsTheNamesBeforeASync(t *testing.T) {
	for name, c := range map[string]struct {
		trace string
		want  map[string]string
	}{
		"a file in a folder": {"1 mkdir(\"/data/d\", 0700) = 0\n1 openat(AT_FDCWD</>, \"/data/d/a\", O_RDWR|O_CREAT, 0600) = 7</data/d/a>\n1 fsync(7</data/d/a>) = 0\n" +
			"1 rename(\"/data/d/a\", \"/data/d/b\") = 0\n", map[string]string{"d": "/", "d/a": ""}},
		"a file that is always synced": {"1 openat(AT_FDCWD</>, \"/data/a\", O_RDWR|O_CREAT|O_SYNC, 0600) = 7</data/a>\n1 write(7</data/a>, \"1\", 1) = 1\n",
			map[string]string{"a": "1"}},
	} {
		d := newDisk(false)
		d.journal = true
		if diff := cmp.Diff(c.want, leftOn(t, d, Lost, 1, trace(c.trace)...)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestSyncsThatAreIgnoredMakeNothingSafe(t *testing.T) {
	if got := left(t, Lost, 1, true, trace(oldA)...); len(got) != 0 {
		t.Errorf("%v is safe", got)
	}
}

// Each sector of a write is lost or kept by itself, at its place in the file.
func TestATornWriteIsInSectors(t *testing.T) {
	old, fresh := strings.Repeat("o", 4*sector), strings.Repeat("n", 2*sector+100)
	lines := append(trace(makeA), `1 pwrite64(7</data/a>, "`+old+`", 2048, 0) = 2048`)
	lines = append(lines, trace(syncA+syncDir)...)
	lines = append(lines, `1 pwrite64(7</data/a>, "`+fresh+`", 1124, 500) = 1124`)
	seen := map[string]bool{}
	for seed := range uint64(200) {
		text := left(t, Torn, seed, false, lines...)["a"]
		if len(text) != len(old) {
			t.Fatal(len(text), "bytes")
		}
		var pattern []byte
		for _, part := range []string{text[:500], text[500:512], text[512:1024], text[1024:1536], text[1536:1624], text[1624:]} {
			if strings.Trim(part, part[:1]) != "" {
				t.Fatalf("a sector is torn in itself: %q", part)
			}
			pattern = append(pattern, part[0])
		}
		if pattern[0] != 'o' || pattern[5] != 'o' {
			t.Fatalf("%s: what was not written is another", pattern)
		}
		seen[string(bytes.Clone(pattern))] = true
	}
	if len(seen) != 16 {
		t.Errorf("of 16 ways there were %d", len(seen))
	}
}

// Of the names, those before some change are there.
func TestTornNamesAreKeptInOrder(t *testing.T) {
	lines := trace(oldA + "1 rename(\"/data/a\", \"/data/b\") = 0\n1 rename(\"/data/b\", \"/data/c\") = 0\n")
	seen := map[string]bool{}
	for seed := range uint64(50) {
		for name, text := range left(t, Torn, seed, false, lines...) {
			if text != "old" {
				t.Errorf("%s holds %q", name, text)
			}
			seen[name] = true
		}
	}
	if len(seen) != 3 {
		t.Error(seen)
	}
}
