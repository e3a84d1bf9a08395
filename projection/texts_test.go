package projection

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"daybook/eventlog"
	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// manyEnded are views of which most of n tasks have left memory, their texts indexed.
// The keeper's goroutines do not run.
func manyEnded(t *testing.T, dir string, n int, keep int64) (*published, *Views) {
	l := newLedger(t)
	ids := make([]ulid.ULID, n)
	for i := range ids {
		ids[i] = l.submit(task.Submit{Type: "T", Queue: "main", Parameters: fmt.Appendf(nil, `{"note":"word number%d"}`, i), MaxAttempts: 1})
		lease := l.start(ids[i])
		l.do("system", ids[i], task.Succeed{Fence: lease, Result: json.RawMessage(`"made"`)})
	}
	log := publish(l)
	v := openKept(t, log, dir, keep)
	startMender(v, log, Options{Dir: dir, Logger: quiet})
	v.mender.patience = 0
	checkpointNow(t, v)
	checkpointNow(t, v) // forgets the archive numbers of what is indexed
	return log, v
}

func searched(t *testing.T, log eventlog.Log, v *Views, text string) []int64 {
	t.Helper()
	found, err := v.Search(t.Context(), Query{Limit: 1000}, text, log.Payloads)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []int64
	for _, one := range found.Tasks {
		seqs = append(seqs, one.SubmitSeq)
	}
	return seqs
}

func TestOnlySearchesWaitWhileTheIndexOfTextsIsMadeAgain(t *testing.T) {
	log, v := manyEnded(t, t.TempDir(), 3000, 100)
	defer closeViews(t, v)
	want := searched(t, log, v, "number12")
	if len(want) < 100 {
		t.Fatal(len(want), "hits")
	}
	whole := v.whole.Wait()
	v.keeper.text.fail(errors.New("a bit has changed"))

	var rebuilding *Rebuilding
	if _, err := v.Search(t.Context(), Query{Limit: 10}, "number12", log.Payloads); !errors.As(err, &rebuilding) || !rebuilding.Texts {
		t.Errorf("a search: %v", err)
	}
	if h := v.Health(); h.State != "texts" {
		t.Errorf("health: %+v", h)
	}
	page, err := v.List(t.Context(), Query{Limit: 1000, Statuses: []task.Status{task.Success}, Before: 4000})
	if err != nil || len(page.Tasks) != 1000 {
		t.Errorf("a list: %d, %v", len(page.Tasks), err)
	}
	if _, _, err := v.Get(t.Context(), page.Tasks[0].ID); err != nil {
		t.Errorf("a task: %v", err)
	}

	v.keeper.resume()
	<-whole
	if diff := cmp.Diff(want, searched(t, log, v, "number12")); diff != "" {
		t.Error(diff)
	}
	if h := v.Health(); h.State != "ok" {
		t.Errorf("health: %+v", h)
	}
}

// The archive numbers of what was indexed are gone, so a start cannot go on where it was.
func TestAnIndexOfTextsThatWasNotFinishedIsMadeAgainByTheNextStart(t *testing.T) {
	dir := t.TempDir()
	log, v := manyEnded(t, dir, 3000, 100)
	want := searched(t, log, v, "number12")
	if err := v.keeper.text.empty(); err != nil {
		t.Fatal(err)
	}
	v.mender.stop()
	if err := v.keeper.abandon(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(t.Context(), log, Options{Dir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer closeViews(t, again)
	if again.loaded != log.Head().Seq {
		t.Errorf("the view file was rebuilt too: %d of %d events were loaded", again.loaded, log.Head().Seq)
	}
	for again.Health().State != "ok" {
		whole := again.whole.Wait()
		if again.Health().State != "ok" {
			<-whole
		}
	}
	if diff := cmp.Diff(want, searched(t, log, again, "number12")); diff != "" {
		t.Error(diff)
	}
}

func TestWhatMemoryKnowsIsListedWithoutTheFile(t *testing.T) {
	_, v := manyEnded(t, t.TempDir(), 3000, 4000)
	defer closeViews(t, v)
	want, err := v.List(t.Context(), Query{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	v.keeper.fail(errors.New("a bit has changed"))
	got, err := v.List(t.Context(), Query{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var rebuilding *Rebuilding
	if _, err := v.List(t.Context(), Query{Limit: 50, Before: 1000}); !errors.As(err, &rebuilding) || rebuilding.Texts {
		t.Errorf("a page of what left memory: %v", err)
	}
	if _, err := v.List(t.Context(), Query{Limit: 50, Types: []string{"U"}}); err != nil {
		t.Errorf("a type without tasks: %v", err)
	}
}

// A file that is rebuilt at once delays those who read, and refuses nobody.
func TestAReadWaitsForAFileThatIsMadeAgainAtOnce(t *testing.T) {
	_, v := manyEnded(t, t.TempDir(), 3000, 100)
	defer closeViews(t, v)
	v.mender.patience = 1 << 62
	v.keeper.fail(errors.New("a bit has changed"))
	read := make(chan error)
	go func() {
		_, err := v.List(t.Context(), Query{Limit: 50, Before: 1000})
		read <- err
	}()
	<-v.Mended()
	if err := v.Adopt(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Error(err)
	}
}
