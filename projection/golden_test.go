package projection

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"daybook/task"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

var update = flag.Bool("update", false, "rewrite the golden files, and the events of the stories (never those of compat)")

// goldenTask is a task as a person reads it in tasks.golden.json. What is at zero is
// left out.
type goldenTask struct {
	ID          string     `json:"id"`
	Status      string     `json:"status"`
	Type        string     `json:"type"`
	Queue       string     `json:"queue"`
	Priority    int        `json:"priority,omitempty"`
	Tags        []string   `json:"tags,omitempty"`
	CreatedAt   string     `json:"created_at"`
	StartedAt   string     `json:"started_at,omitempty"`
	CompletedAt string     `json:"completed_at,omitempty"`
	RunAt       string     `json:"run_at,omitempty"`
	DueAt       string     `json:"due_at,omitempty"`
	Retrying    bool       `json:"retrying,omitempty"`
	Attempts    string     `json:"attempts"`
	Backoff     string     `json:"backoff"`
	Timeout     string     `json:"timeout,omitempty"`
	Holder      string     `json:"holder,omitempty"`
	LastFence   int64      `json:"last_fence,omitempty"`
	Refused     int64      `json:"refused_fence,omitempty"`
	Cancelling  bool       `json:"cancel_requested,omitempty"`
	Progress    string     `json:"progress,omitempty"`
	Code        string     `json:"code,omitempty"`
	Erased      bool       `json:"erased,omitempty"`
	Subject     string     `json:"subject,omitempty"`
	Outcome     string     `json:"outcome,omitempty"`
	Key         string     `json:"idempotency_key,omitempty"`
	RequestHash string     `json:"request_hash,omitempty"`
	Links       []string   `json:"links,omitempty"`
	Version     int64      `json:"version"`
	Payloads    goldenSeqs `json:"payloads"`
	History     string     `json:"history"` // seqs of its events
}

// goldenSeqs says which events hold what the task has in free text.
type goldenSeqs struct {
	Parameters int64 `json:"parameters,omitempty"`
	Message    int64 `json:"message,omitempty"`
	Result     int64 `json:"result,omitempty"`
	Error      int64 `json:"error,omitempty"`
}

// goldenStats is what stats.golden.json holds.
type goldenStats struct {
	Seq     int64    `json:"seq"`
	Now     string   `json:"now"`
	Counts  []string `json:"counts"`
	Ready   []string `json:"ready,omitempty"`
	Waiting []string `json:"waiting,omitempty"`
	Running []string `json:"running,omitempty"`
	NextDue string   `json:"next_due,omitempty"`
	Windows []string `json:"windows"`
}

func moment(m task.Micros) string {
	if m == 0 {
		return ""
	}
	return string(m.AppendRFC3339(nil))
}

func goldenOf(t testing.TB, v *Views, r *task.Task) goldenTask {
	seqs, err := v.History(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	g := goldenTask{
		ID: r.Name(), Status: r.Status.String(), Type: r.Type, Queue: r.Queue, Priority: r.Priority, Tags: r.Tags(),
		CreatedAt: moment(r.CreatedAt), StartedAt: moment(r.StartedAt), CompletedAt: moment(r.CompletedAt),
		RunAt: moment(r.RunAt), DueAt: moment(r.DueAt), Retrying: r.Retrying,
		Attempts:  fmt.Sprintf("%d, %d left", r.Attempt, r.AttemptsLeft()),
		Backoff:   fmt.Sprintf("%s from %s to %s", r.Backoff().Kind, r.Backoff().Base.Duration(), r.Backoff().Max.Duration()),
		LastFence: r.LastFence, Refused: r.RefusedFence(), Cancelling: r.CancelRequested, Code: r.Code.String(), Erased: r.Erased, Subject: r.Subject(),
		Key: r.IdempotencyKey(), Version: r.Version, History: fmt.Sprint(seqs),
		Payloads: goldenSeqs{r.SubmitSeq, r.MessageSeq, r.ResultSeq, r.ErrorSeq},
	}
	if r.Notes != nil {
		g.Outcome = r.Notes.Outcome
	}
	if r.Backoff().NoJitter {
		g.Backoff += " without jitter"
	}
	if r.Timeout != 0 {
		g.Timeout = r.Timeout.Duration().String()
	}
	if r.Progress != 0 {
		g.Progress = fmt.Sprintf("%.2f %%", float64(r.Progress)/100)
	}
	if r.Fence() != 0 {
		g.Holder = fmt.Sprintf("fence %d", r.Fence())
		if held := r.Held(); held.Worker != "" {
			g.Holder += fmt.Sprintf(", worker %s, lease of %d s", held.Worker, held.LeaseSeconds)
		} else {
			g.Holder += ", boot " + held.Boot.String()
		}
	}
	g.Links = linksOf(r)
	if hash := r.RequestHash(); hash != ([32]byte{}) {
		g.RequestHash = hex.EncodeToString(hash[:])
	}
	return g
}

// linksOf says what ties the task to others, a line each.
func linksOf(r *task.Task) (lines []string) {
	if r.Links == nil {
		return nil
	}
	l := r.Links
	if u := l.Unique; u.Key != "" {
		lines = append(lines, fmt.Sprintf("unique as %q since %s until %s", u.Key, moment(u.Since), moment(u.Until())))
	}
	for name, id := range map[string]ulid.ULID{"behind": l.Unique.Behind, "retry of": l.RetryOf, "retried as": l.RetriedAs, "replaced by": l.ReplacedBy} {
		if id != (ulid.ULID{}) {
			lines = append(lines, name+" "+id.String())
		}
	}
	slices.Sort(lines)
	return lines
}

// tasksGolden is tasks.golden.json: all tasks in the order of submission.
func tasksGolden(t testing.TB, v *Views) []byte {
	list := make([]goldenTask, 0, v.table.size())
	all := slices.Repeat([]bool{true}, int(statusSpan))
	v.table.descend(math.MaxInt64, all, func(at line) bool {
		list = append(list, goldenOf(t, v, &v.table.at(at.slot).task))
		return true
	})
	slices.Reverse(list)
	return marshal(t, list)
}

// statsGolden is stats.golden.json: the views that are not of one task, a second after
// the last event.
func statsGolden(t testing.TB, v *Views, now task.Micros) []byte {
	g := goldenStats{Seq: v.Seq(), Now: moment(now)}
	counts, _ := v.Counts()
	for _, c := range counts {
		g.Counts = append(g.Counts, fmt.Sprintf("%d %s of %s in %s", c.N, c.Status, c.Type, c.Queue))
	}
	ready, waiting, running := orderOf(v)
	g.Ready, g.Waiting, g.Running = describe(v, ready), describe(v, waiting), running
	g.NextDue = moment(v.NextDue())
	windows, _ := v.Windows(now)
	for _, w := range windows {
		g.Windows = append(g.Windows, fmt.Sprintf(
			"last %d s: %d submitted, %d succeeded, %d failed, %d cancelled, %d attempts failed; wait %s; run %s",
			w.Seconds, w.Submitted, w.Succeeded, w.Failed, w.Cancelled, w.AttemptsFailed, w.Wait, w.Run))
	}
	return marshal(t, g)
}

// describe adds to each task what its place in the order depends on.
func describe(v *Views, names []string) []string {
	for i, name := range names {
		id, _ := task.ParseID(name)
		r, _ := v.Find(id) // in memory: there is no error
		names[i] = fmt.Sprintf("%s priority %d, due %s, submitted as %d", name, r.Priority, moment(r.DueAt), r.SubmitSeq)
	}
	return names
}

func (p Percentiles) String() string {
	if p.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("%d (p50 %s, p95 %s, p99 %s)", p.Count, p.P50.Duration(), p.P95.Duration(), p.P99.Duration())
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// golden compares with the file, or rewrites it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got), -update rewrites it:\n%s", path, diff)
	}
}
