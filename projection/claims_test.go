package projection

import (
	"path/filepath"
	"testing"

	"daybook/internal/sqlite"
	"daybook/task"

	"github.com/oklog/ulid/v2"
)

const minute = 60 * task.Second

// holding submits a task that holds the unique key for a minute, and lets it succeed.
func (l *ledger) holding(key string) ulid.ULID {
	l.tb.Helper()
	id := l.submit(task.Submit{Type: "T", Unique: &task.UniqueSubmit{Key: key, For: minute}})
	l.do(system, id, task.Succeed{Fence: l.start(id)})
	return id
}

// wantHolder checks which task that has ended holds the key at that moment; none if the id is
// zero.
func wantHolder(t *testing.T, v *Views, key string, wall task.Micros, want ulid.ULID) {
	t.Helper()
	got, err := v.FindEndedClaim(task.ClaimOf("T", key), wall)
	if err != nil {
		t.Fatal(err)
	}
	if got == nil {
		got = new(task.Task)
	}
	if got.ID != want {
		t.Errorf("key %s is held by %s, want %s", key, got.ID, want)
	}
}

// claimsIn lists the claims of a view file that is closed.
func claimsIn(t *testing.T, dir string) (list []string) {
	t.Helper()
	conn, err := sqlite.Connect(filepath.Join(dir, fileName), "mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	n, err := conn.Number("SELECT count(*) FROM claims")
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		row, err := conn.Row(1, "SELECT hex(claim) || ' ' || submit_seq || ' ' || until FROM claims ORDER BY claim LIMIT 1 OFFSET ?", i)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, row[0].(string))
	}
	return list
}

func TestAKeyIsHeldForItsTimeByATaskThatHasLeftMemory(t *testing.T) {
	l := newLedger(t)
	dir, submitted := t.TempDir(), l.now
	v := openKept(t, growing{l: l}, dir, 0)
	id := l.holding("k")
	apply(t, v, l.events)
	checkpointNow(t, v)
	if v.peek(id) != nil || len(v.claims.held) != 0 {
		t.Fatal("the task is in memory")
	}
	check := func() {
		t.Helper()
		wantHolder(t, v, "k", submitted+minute-1, id)
		wantHolder(t, v, "k", submitted+minute, ulid.ULID{})
		wantHolder(t, v, "other", submitted, ulid.ULID{})
	}
	check()
	closeViews(t, v)
	v = openKept(t, growing{l: l}, dir, 0)
	check()
	if err := v.keeper.abandon(); err != nil {
		t.Fatal(err)
	}
	v = openKept(t, growing{l: l}, dir, 0)
	check()
	closeViews(t, v)
}

func TestAClaimLeavesTheFileSomeTimeAfterItIsOver(t *testing.T) {
	l := newLedger(t)
	dir, submitted := t.TempDir(), l.now
	l.holding("k")
	for _, c := range []struct {
		at     task.Micros
		claims int
	}{{0, 1}, {minute + claimsKept, 2}, {minute + claimsKept + 1, 1}} {
		l.now = submitted + c.at
		if c.at > 0 {
			l.holding("another") // one a key: its row moves on
		}
		v := openKept(t, growing{l: l}, dir, 0)
		checkpointNow(t, v)
		closeViews(t, v)
		if got := claimsIn(t, dir); len(got) != c.claims {
			t.Errorf("%d µs after the submit: claims %v, want %d", c.at, got, c.claims)
		}
	}
}

func TestAViewFileThatIsMadeAgainHasTheSameClaims(t *testing.T) {
	l := newLedger(t)
	dir := t.TempDir()
	v := openKept(t, growing{l: l}, dir, 2)
	for i, key := range []string{"a", "b", "a", "c", "a", "b"} {
		from := len(l.events)
		id := l.holding(key)
		if i == 3 {
			l.do(person, l.submit(task.Submit{Type: "T", Unique: &task.UniqueSubmit{Key: key}}), task.Cancel{})
		}
		l.after(task.Second)
		apply(t, v, l.events[from:])
		checkpointNow(t, v)
		wantHolder(t, v, key, l.now, id)
	}
	l.after(minute)
	for range 3 { // and let all of them leave memory
		from := len(l.events)
		l.do(person, l.submit(task.Submit{}), task.Cancel{})
		apply(t, v, l.events[from:])
		checkpointNow(t, v)
	}
	closeViews(t, v)
	want := claimsIn(t, dir)
	if len(want) != 3 {
		t.Fatalf("claims %v, want three", want)
	}
	if err := removeFiles(dir); err != nil {
		t.Fatal(err)
	}
	v = openKept(t, growing{l: l}, dir, 2)
	checkpointNow(t, v)
	closeViews(t, v)
	if diff := diffOf(want, claimsIn(t, dir)); diff != "" {
		t.Errorf("rebuilt (-want +got):\n%s", diff)
	}
}
