package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/bench/measure"
	"daybook/bench/queues"

	"github.com/google/go-cmp/cmp"
)

func TestANumberHasCommasAndThreeDigitsThatCount(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0", 999.4: "999", 1000: "1,000", 1234: "1,230", 36_750: "36,800", 197_432: "197,000", 1_999_999: "2,000,000",
	} {
		if got := thousands(f); got != want {
			t.Errorf("%v: %s, want %s", f, got, want)
		}
	}
}

func TestAKernelIsNamedByTwoNumbers(t *testing.T) {
	for release, want := range map[string]string{"6.18.4-amd64\n": "6.18", "6.1": "6.1", "7\n": "7", "5.15.0-1.el9.x86_64": "5.15"} {
		if got := version(release); got != want {
			t.Errorf("%q: %s, want %s", release, got, want)
		}
	}
}

func TestTheTextReplacesWhatStandsBetweenTheMarkers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(path, []byte("before\n\n"+Long.begin()+"\nold\n"+Long.end()+"\n\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time changes nothing
		if err := Long.WriteInto(path, "new"); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("before\n\n"+Long.begin()+"\nnew\n"+Long.end()+"\n\nafter\n", string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestADocumentWithoutMarkersIsLeftAlone(t *testing.T) {
	for _, document := range []string{"", Short.begin(), Short.end() + Short.begin(), Long.begin() + Long.end()} {
		if _, err := Short.in([]byte(document), "new"); err == nil {
			t.Errorf("no error for %q", document)
		}
	}
}

// sample is a report on two queues and a floor.
func sample() *Report {
	r := New([]queues.Spec{
		{Name: "late", Title: "Late"}, {Name: "floor", Title: "A floor", Synced: true, Floor: true}, {Name: "synced", Title: "Synced", Synced: true},
	})
	r.Machine, r.Command, r.Runs, r.Took = "A machine.", "make bench-peers", 3, 90*time.Second
	r.Began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	late, floor, synced := r.Systems[0], r.Systems[1], r.Systems[2]
	zero := int64(0)
	for i, rate := range []float64{300, 100, 200} {
		late.Of(measure.SubmitOne).Results = append(late.Of(measure.SubmitOne).Results, measure.Result{Rate: rate * 100, P50: 1, P99: 2})
		floor.Of(measure.SubmitOne).Results = append(floor.Of(measure.SubmitOne).Results, measure.Result{Rate: rate, P50: 0.1, P99: 0.2})
		drain := synced.Of(measure.Drain)
		drain.Results = append(drain.Results, measure.Result{Rate: rate * 1000, Lag: &zero, CutOff: i == 1})
	}
	synced.Of(measure.PickUp).Errors = []string{"it did not start"}
	synced.Facts = measure.Facts{Durability: "synced before the answer (by its word)", Settings: "64 workers"}
	late.Facts = measure.Facts{Durability: "no sync: never", Settings: "64 workers"}
	return r
}

func TestTheTablesHoldMediansCutsAndFailures(t *testing.T) {
	got := sample().Markdown()
	for _, want := range []string{
		"| Late | no sync | 20,000 (10,000–30,000) | 1.00 / 2.00 ms | – | – | – |",
		"| Synced | synced before the answer | – | – | 200,000 (100,000–300,000), cut off | 0 |",
		"| Synced | synced before the answer | failed | – | – | – |",
		"| Synced | synced before the answer (by its word) | 64 workers |",
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no line %s in\n%s", want, got)
		}
	}
}

func TestWhatIsSyncedComesFirstAndFloorsLast(t *testing.T) {
	var names []string
	for _, s := range sample().ordered() {
		names = append(names, s.Name)
	}
	if diff := cmp.Diff([]string{"synced", "late", "floor"}, names); diff != "" {
		t.Error(diff)
	}
}
