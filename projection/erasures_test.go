package projection

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A task that is erased comes back to memory, and is not archived again for a while.
func TestTheWordsOfErasedTasksLeaveTheTextIndexAtOnceAndAfterAKill(t *testing.T) {
	l, dir := newLedger(t), t.TempDir()
	v := openKept(t, growing{l: l}, dir, 2000)
	var ids []ulid.ULID
	for i := range 3000 {
		word := "common"
		if i < 100 {
			word = "zebra"
		}
		id := l.submit(task.Submit{Parameters: fmt.Appendf(nil, `{"word":"%s"}`, word)})
		l.do(system, id, task.Succeed{Fence: l.start(id)})
		ids = append(ids, id)
	}
	apply(t, v, l.events)
	checkpointNow(t, v)
	words := func() int64 {
		n := v.keeper.text.Docs()
		return n
	}
	has := func() bool {
		text := ""
		for _, end := range []string{"", "-wal"} {
			content, err := os.ReadFile(filepath.Join(dir, textName) + end)
			if err != nil {
				t.Fatal(err)
			}
			text += string(content)
		}
		return strings.Contains(text, "zebra")
	}
	before := words()
	if !has() || before == 0 {
		t.Fatal("the word is not in the index before it is erased")
	}
	unindex := func(want int) {
		t.Helper()
		if n, err := v.keeper.unindex(t.Context()); n != want || err != nil {
			t.Errorf("%d tasks leave the index, want %d: %v", n, want, err)
		}
	}
	erase := func(ids []ulid.ULID) {
		for _, id := range ids {
			l.do(person, id, task.Erase{})
		}
		apply(t, v, l.events[v.Seq():])
	}
	done := func(version int64) {
		l.otherOf(ErasureStream, ErasureDone, version, fmt.Sprintf(`{"to":%d}`, len(l.events)))
		apply(t, v, l.events[v.Seq():])
	}
	erase(ids[:50])
	unindex(0) // their payloads are not deleted yet: a rebuild could add them again
	done(1)
	unindex(50)
	if words() != before-50 || !has() {
		t.Errorf("%d documents, before %d", words(), before)
	}
	erase(ids[50:100])
	done(2)
	checkpointNow(t, v) // it archives and indexes some of the tasks that made room for those that came back
	indexed := words()
	closeViews(t, v) // before their words leave the index
	v = openKept(t, growing{l: l}, dir, 2000)
	defer closeViews(t, v)
	unindex(100) // of all that are in memory, those of before too
	if words() != indexed-50 || has() {
		t.Errorf("%d documents, before %d; the word is in the file: %v", words(), indexed, has())
	}
}
