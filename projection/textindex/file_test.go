package textindex

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func opened(t *testing.T, path string) *Index {
	t.Helper()
	x, err := Open(path, "log")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func docsOf(from, to int64, text string) (docs []Doc) {
	for n := from; n <= to; n++ {
		docs = append(docs, Doc{Number: n, Texts: [][]byte{fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, n, text)}})
	}
	return docs
}

func add(t *testing.T, x *Index, docs []Doc, through int64) {
	t.Helper()
	if err := x.Add(context.Background(), docs, through); err != nil {
		t.Fatal(err)
	}
}

func found(t *testing.T, x *Index, query string, before int64, limit int) []int64 {
	t.Helper()
	numbers, err := x.Search(context.Background(), ParseQuery(query), before, limit)
	if err != nil {
		t.Fatal(err)
	}
	return numbers
}

func TestAnIndexCanBeReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.db")
	x := opened(t, path)
	add(t, x, docsOf(1, 3000, "hello"), 3000)
	add(t, x, nil, 3010)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = opened(t, path)
	defer x.Close()
	if x.Through() != 3010 || x.Docs() != 3000 {
		t.Errorf("through %d, %d documents", x.Through(), x.Docs())
	}
	if diff := cmp.Diff([]int64{1499, 1498}, found(t, x, "hel", 1500, 2)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{299}, found(t, x, "299", 2990, 9)); diff != "" {
		t.Error(diff)
	}
	if got := found(t, x, " ", 0, 9); got != nil {
		t.Errorf("a query without words finds %v", got)
	}
	if file, _ := x.Sizes(); file == 0 {
		t.Error("the file has no size")
	}
}

func TestADocumentAddedAgainIsFoundOnceAndByItsNewWords(t *testing.T) {
	x := opened(t, filepath.Join(t.TempDir(), "text.db"))
	defer x.Close()
	add(t, x, docsOf(1, 9, "old"), 9)
	add(t, x, slices.Concat(docsOf(5, 5, "mid"), docsOf(5, 5, "new old")), 10)
	if diff := cmp.Diff([]int64{5}, found(t, x, "new", 0, 9)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{9, 8, 7, 6, 5, 4, 3, 2, 1}, found(t, x, "old", 0, 99)); diff != "" {
		t.Error(diff)
	}
	if got := found(t, x, "mid", 0, 9); got != nil {
		t.Errorf("found %v by a word of a replaced document", got)
	}
}

func TestAFileOfAnotherOwnerOrKindIsUnusable(t *testing.T) {
	dir := t.TempDir()
	x := opened(t, filepath.Join(dir, "theirs"))
	add(t, x, docsOf(1, 9, "x"), 9)
	x.Close()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	valid, err := os.ReadFile(filepath.Join(dir, "theirs"))
	if err != nil {
		t.Fatal(err)
	}
	other := slices.Clone(valid)
	other[63]++ // user_version
	foreign := slices.Clone(valid)
	foreign[71]++ // application_id
	for _, path := range []string{
		filepath.Join(dir, "theirs"),
		write("text", strings.Repeat("no database ", 1000)), write("short", "no"),
		write("format", string(other)), write("foreign", string(foreign)), write("cut", string(valid[:4096])),
	} {
		if x, err := Open(path, "mine"); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: %v", filepath.Base(path), err)
			if err == nil {
				x.Close()
			}
		}
		if err := Remove(path); err != nil {
			t.Error(err)
		}
		x, err := Open(path, "mine")
		if err != nil {
			t.Errorf("%s, removed: %v", filepath.Base(path), err)
			continue
		}
		x.Close()
	}
	if err := Remove(filepath.Join(dir, "never there")); err != nil {
		t.Error(err)
	}
}

func TestAnEmptyFileIsInitialised(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opened(t, path).Close()
}

func TestDamageIsDetectedOrHarmless(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "text.db")
	x := opened(t, path)
	for n := int64(1); n < 6000; n += 500 {
		add(t, x, docsOf(n, n+499, "damage"), n+499)
	}
	x.Close()
	valid, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	noticed := 0
	for range 150 {
		data := slices.Clone(valid)
		at := 4096 + r.IntN(len(data)-4096)
		for i := at; i < min(at+r.IntN(64)+1, len(data)); i++ {
			data[i] = byte(r.Uint32())
		}
		copied := filepath.Join(dir, "damaged.db")
		if err := errors.Join(Remove(copied), os.WriteFile(copied, data, 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := use(copied); errors.Is(err, ErrUnusable) {
			noticed++
		} else if err != nil {
			t.Errorf("damage at %d: %v", at, err)
		}
	}
	if noticed < 30 {
		t.Errorf("only %d of 150 damaged files were detected", noticed)
	}
}

// use opens an index, searches it and adds documents until segments are merged.
func use(path string) error {
	x, err := Open(path, "log")
	if err != nil {
		return err
	}
	defer x.Close()
	for _, query := range []string{"damage", "1", "2 5", "4999"} {
		for before := int64(0); ; {
			page, err := x.Search(context.Background(), ParseQuery(query), before, 500)
			if err != nil {
				return err
			}
			if len(page) < 500 {
				break
			}
			if before != 0 && page[0] >= before {
				return fmt.Errorf("%d is not before %d", page[0], before)
			}
			before = page[len(page)-1]
		}
	}
	for n := int64(6001); n < 12000; n += 500 {
		if err := x.Add(context.Background(), docsOf(n, n+499, "more"), n); err != nil {
			return err
		}
	}
	return nil
}

func TestConcurrentSearchesSeeCompleteAdds(t *testing.T) {
	x := opened(t, filepath.Join(t.TempDir(), "text.db"))
	add(t, x, docsOf(1, 100, "steady"), 100)
	done := make(chan struct{})
	var searches sync.WaitGroup
	for range 6 {
		searches.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got, err := x.Search(context.Background(), ParseQuery("steady"), 0, 100_000)
				if err != nil || len(got) == 0 || len(got)%100 != 0 || int64(len(got)) != got[0] {
					t.Errorf("%d found: %v", len(got), err)
					return
				}
			}
		})
	}
	for n := int64(101); n < 8000; n += 100 {
		add(t, x, docsOf(n, n+99, "steady"), n+99)
	}
	close(done)
	searches.Wait()
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	if _, err := x.Search(context.Background(), ParseQuery("steady"), 0, 1); err == nil {
		t.Error("a search of a closed index succeeded")
	}
}

func TestASearchEndsWithItsContext(t *testing.T) {
	x := opened(t, filepath.Join(t.TempDir(), "text.db"))
	defer x.Close()
	add(t, x, docsOf(1, 10, "x"), 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := x.Search(ctx, ParseQuery("x"), 0, 5); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := found(t, x, "x", 0, 50); len(got) != 10 {
		t.Errorf("found %v after that", got)
	}
}

// The test runs itself as a child process, which kills itself during an Add, before the commit.
func TestAnAddThatWasKilledLeavesNothing(t *testing.T) {
	if len(os.Args) > 2 && os.Args[len(os.Args)-2] == "killed" {
		killed(os.Args[len(os.Args)-1])
	}
	path := filepath.Join(t.TempDir(), "text.db")
	child := exec.Command(os.Args[0], "-test.run", "^TestAnAddThatWasKilledLeavesNothing$", "killed", path)
	if out, err := child.CombinedOutput(); err == nil || child.ProcessState.ExitCode() != -1 {
		t.Fatalf("%v: %s", err, out)
	}
	x := opened(t, path)
	defer x.Close()
	if x.Through() != 100 || x.Docs() != 100 {
		t.Errorf("through %d, %d documents", x.Through(), x.Docs())
	}
	if got := found(t, x, "killed", 0, 9); got != nil {
		t.Errorf("found %v of an Add that was killed", got)
	}
	add(t, x, docsOf(101, 3000, "killed"), 3000)
	if got := found(t, x, "killed", 0, 9000); len(got) != 2900 {
		t.Errorf("found %d, want 2900", len(got))
	}
}

// late is a context that kills the process at its fourth call of Err: during a transaction that has
// written segments.
type late struct {
	context.Context
	calls int
}

func (l *late) Err() error {
	if l.calls++; l.calls == 4 {
		p, _ := os.FindProcess(os.Getpid())
		p.Kill()
		select {}
	}
	return nil
}

func killed(path string) {
	x, err := open(path, "log", limits{docs: 1000, bytes: 1 << 20, pairs: 1 << 20, words: 1 << 20, text: 1 << 20, fan: 8, heavy: 100})
	if err == nil {
		err = x.Add(context.Background(), docsOf(1, 100, "before"), 100)
	}
	if err == nil {
		err = x.Add(&late{Context: context.Background()}, docsOf(101, 60_000, "killed"), 60_000)
	}
	fmt.Println("not killed", err)
}

func TestADocumentIsWrittenAboutOncePerTier(t *testing.T) {
	x := opened(t, filepath.Join(t.TempDir(), "text.db"))
	defer x.Close()
	for n := int64(1); n <= 600; n++ { // four tiers
		add(t, x, docsOf(n, n, "one by one"), n)
	}
	kept := int64(0)
	for _, g := range x.w.state.open {
		kept += g.bytes
	}
	if got := x.w.state.newBytes; got > 15*kept {
		t.Errorf("%d bytes written to keep %d", got, kept)
	}
	if n := len(x.w.state.open); n > 4*7 {
		t.Errorf("%d segments", n)
	}
}
