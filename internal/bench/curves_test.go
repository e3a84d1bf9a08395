package bench_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/client"
	"daybook/internal/load"
	"daybook/internal/load/curve"
)

var (
	curves    = flag.Int("curves", 0, "measure the cost curves up to so many tasks instead of running tests")
	curvesDir = flag.String("curves-dir", "../../docs/curves", "folder of the curves")
)

const (
	curveSlots       = 64
	curveConnections = 64
	curvePost        = 100  // tasks a post of a batch
	curveRepeat      = 3    // runs of small sizes; the median counts
	curveSmall       = 1e5  // tasks
	curveTolerance   = 0.1  // by which a slope may lie above that of n log n: noise
	curveReads       = 31   // times that something quick is done; the median counts
	curvePage        = 1000 // tasks a page when all are read
)

// TestCostCurves measures what submit, dispatch, list, stats and start cost over the number of
// tasks, and submit over connections and payloads, on the real binary over HTTP.
func TestCostCurves(t *testing.T) {
	if *curves == 0 {
		t.Skip("make bench-curves measures the cost curves")
	}
	m := load.ThisMachine()
	c := &costs{t: t, set: &curve.Set{
		Machine: fmt.Sprintf("%d × %s, %s/%s, %s", m.CPUs, m.CPU, m.OS, m.Arch, m.Go),
		Commit:  commitOf(t),
		Command: fmt.Sprintf("make bench-curves MAX=%d", *curves),
	}, median: map[string][]float64{}}
	begin := time.Now()
	c.overTasks(*curves)
	c.overConnections()
	c.overPayload()
	c.set.Figures = slices.DeleteFunc(c.set.Figures, func(f curve.Figure) bool { return len(f.Series) == 0 })
	if err := c.set.Write(*curvesDir); err != nil {
		t.Fatal(err)
	}
	c.tellSlopes()
	t.Logf("all of it took %v", time.Since(begin).Round(time.Second))
}

func commitOf(t *testing.T) string {
	t.Helper()
	commit, err := exec.CommandContext(t.Context(), "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(commit))
}

// costs gathers the figures.
type costs struct {
	t      *testing.T
	set    *curve.Set
	median map[string][]float64 // repeated values of one size
}

func (c *costs) figure(f curve.Figure) *curve.Figure {
	c.set.Figures = append(c.set.Figures, f)
	return &c.set.Figures[len(c.set.Figures)-1]
}

// saw notes one of several values of the same.
func (c *costs) saw(what string, v float64) { c.median[what] = append(c.median[what], v) }

// add puts the median of what was seen into a figure.
func (c *costs) add(f *curve.Figure, x float64, names ...string) {
	for _, name := range names {
		all := c.median[f.Name+name]
		if len(all) == 0 {
			continue // not to be measured here
		}
		delete(c.median, f.Name+name)
		slices.Sort(all)
		f.Add(name, x, all[len(all)/2])
		c.t.Logf("%s, %s: %.6g at %.6g", f.Name, name, all[len(all)/2], x)
	}
}

// overTasks grows a log to each size, from empty.
func (c *costs) overTasks(most int) {
	sizes := []int{}
	for n := 1000.0; n <= float64(most)*1.001; n *= math.Sqrt(10) {
		sizes = append(sizes, int(n+0.5))
	}
	c.set.Figures = slices.Grow(c.set.Figures, 8) // so that no figure moves
	const noop = "tasks that end at once"
	tasks := func(name, title, settings string, unit curve.Unit) *curve.Figure {
		return c.figure(curve.Figure{Name: name, Title: title, X: "tasks", YUnit: unit, Settings: settings})
	}
	submit := tasks("submit", "Submit: time for all tasks, from an empty log",
		fmt.Sprintf("over HTTP, each post answered after its sync; one by one over %d connections, or %d a post over 8", curveConnections, curvePost), curve.Seconds)
	dispatch := tasks("dispatch", "Dispatch: time to run a backlog",
		fmt.Sprintf("%s, submitted before; %d slots; until the last result is on disk", noop, curveSlots), curve.Seconds)
	list := tasks("list", "List: time of an answer over tasks that have ended",
		fmt.Sprintf("without parameters and results; median of %d; all = every page of %d", curveReads, curvePage), curve.Seconds)
	stats := tasks("stats", "Stats: time of an answer over tasks that have ended", fmt.Sprintf("median of %d", curveReads), curve.Seconds)
	start := tasks("start", "Start: from the start of the process until /readyz answers 200", "tasks that have ended, three events each", curve.Seconds)
	memory := tasks("memory", "Memory: resident size of the server", "tasks that have ended; after the run of all of them, and after a start", curve.Bytes)
	for _, n := range sizes {
		runs := 1
		if float64(n) <= curveSmall {
			runs = curveRepeat
		}
		for range runs {
			c.submitOneByOne(n)
			c.life(n)
		}
		x := float64(n)
		c.add(submit, x, "one by one", "by a hundred")
		c.add(dispatch, x, "backlog")
		c.add(list, x, "first page of 100", "last page of 100", "succeeded, page of 100", "all pages")
		c.add(stats, x, "GET /api/stats")
		c.add(start, x, "after a clean stop", "after SIGKILL")
		c.add(memory, x, "after the run", "after a start")
	}
}

// submitOneByOne submits n tasks that are not to run.
func (c *costs) submitOneByOne(n int) {
	s := newSite(c.t)
	defer s.remove()
	s.start()
	r := s.load(load.Options{Connections: curveConnections, Count: int64(n), Delay: 24 * time.Hour})
	c.saw("submitone by one", r.Elapsed)
}

// life submits a backlog of n tasks while the slots are taken, runs it, and reads what has
// become of it, before and after a stop and a kill.
func (c *costs) life(n int) {
	s := newSite(c.t)
	defer s.remove()
	s.start()
	blocks := s.block()
	r := s.load(load.Options{Connections: 8, Batch: curvePost, Count: int64(n)})
	c.saw("submitby a hundred", r.Elapsed)
	begin := time.Now()
	s.cancel(blocks)
	s.awaitSucceeded(n)
	c.saw("dispatchbacklog", time.Since(begin).Seconds())
	c.sawMemory("after the run", s)
	c.reads(s)
	s.stop()
	c.saw("startafter a clean stop", s.start().Seconds())
	c.sawMemory("after a start", s)
	s.kill()
	c.saw("startafter SIGKILL", s.start().Seconds())
}

// sawMemory notes how much memory the server holds, where that can be told.
func (c *costs) sawMemory(when string, s *site) {
	if bytes := s.resident(); bytes > 0 {
		c.saw("memory"+when, bytes)
	}
}

// reads asks for lists and stats.
func (c *costs) reads(s *site) {
	const page = "/api/tasks/?fields=summary&limit="
	quick := func(what, path string) {
		for range curveReads {
			_, took := s.get(path)
			c.saw(what, took.Seconds())
		}
	}
	quick("listfirst page of 100", page+"100")
	quick("listsucceeded, page of 100", page+"100&status=SUCCESS&task_type=SLEEP")
	quick("statsGET /api/stats", "/api/stats")
	first := page + fmt.Sprint(curvePage)
	last := first
	for range curveRepeat {
		begin := time.Now()
		for next := first; next != ""; next, _ = s.get(last) {
			last = next
		}
		c.saw("listall pages", time.Since(begin).Seconds())
	}
	quick("listlast page of 100", strings.Replace(last, fmt.Sprintf("limit=%d", curvePage), "limit=100", 1))
}

func (c *costs) overConnections() {
	f := c.figure(curve.Figure{
		Name: "connections", Title: "Submit over the number of connections", X: "connections", YUnit: curve.Seconds,
		Settings: "each connection sends its next task when the last is synced and answered, for 2 s; per task = time divided by tasks",
	})
	for _, n := range []int{1, 3, 10, 32, 100, 316, 1000} {
		for range curveRepeat {
			s := newSite(c.t)
			s.start()
			r := s.load(load.Options{Connections: n, Duration: 2 * time.Second, Delay: 24 * time.Hour})
			s.remove()
			c.saw("connectionsp50", r.Latency.P50/1000)
			c.saw("connectionsp99", r.Latency.P99/1000)
			c.saw("connectionsper task", r.Elapsed/float64(r.Tasks.Accepted))
		}
		c.add(f, float64(n), "p50", "p99", "per task")
	}
}

func (c *costs) overPayload() {
	f := c.figure(curve.Figure{
		Name: "payload", Title: "Submit over the size of a post", X: "bytes of parameters a post", XUnit: curve.Bytes, YUnit: curve.Seconds,
		Settings: "8 connections for 2 s; one task a post up to 250 kB (the largest parameters are 256 KiB), the 1 MB as four tasks of 250 kB in one; per post = time divided by posts",
	})
	for _, size := range []struct{ bytes, tasks int }{{100, 1}, {1000, 1}, {10_000, 1}, {100_000, 1}, {250_000, 1}, {250_000, 4}} {
		const around = len(`{"result":""}`)
		parameters := json.RawMessage(`{"result":"` + strings.Repeat("x", size.bytes-around) + `"}`)
		for range curveRepeat {
			s := newSite(c.t)
			s.start()
			r := s.load(load.Options{Connections: 8, Batch: size.tasks, Parameters: parameters, Duration: 2 * time.Second, Delay: 24 * time.Hour})
			s.remove()
			c.saw("payloadp50", r.Latency.P50/1000)
			c.saw("payloadp99", r.Latency.P99/1000)
			c.saw("payloadper post", r.Elapsed/float64(r.Requests.Answered))
		}
		c.add(f, float64(size.bytes*size.tasks), "p50", "p99", "per post")
	}
}

// tellSlopes prints how each curve grows, and where faster than n log n.
func (c *costs) tellSlopes() {
	bent := 0
	for _, f := range c.set.Figures {
		for _, s := range f.Series {
			c.t.Logf("%s, %s: grows as n^%.2f from first to last", f.Name, s.Name, s.Slope())
			for _, b := range s.Bends(curveTolerance) {
				bent++
				c.t.Logf("BENDS: %s, %s: from %.6g to %.6g it grows as n^%.2f, n log n as n^%.2f", f.Name, s.Name, b.From.X, b.To.X, b.Slope, b.Limit)
			}
		}
	}
	c.t.Logf("%d stretches are steeper than n log n by more than %.1f", bent, curveTolerance)
}

// load runs the generator against the site. Any failure ends the test.
func (s *site) load(o load.Options) *load.Report {
	s.t.Helper()
	o.URL, o.Type = s.url(), "SLEEP"
	r, err := load.Run(s.t.Context(), o)
	if err != nil {
		s.t.Fatal(err)
	}
	if r.Requests.Failed > 0 || r.GaveUp != "" {
		s.t.Fatalf("%s %v", r.GaveUp, r.Failures)
	}
	return r
}

// block takes all slots.
func (s *site) block() (ids []string) {
	s.t.Helper()
	long := make([]client.Submit, curveSlots)
	for i := range long {
		long[i] = client.Submit{TaskType: "SLEEP", Parameters: map[string]int{"seconds": 86400}}
	}
	tasks, err := s.client.SubmitBatch(s.t.Context(), long)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, t := range tasks {
		ids = append(ids, t.ID)
	}
	s.awaitCount(client.Running, curveSlots)
	return ids
}

// cancel frees them.
func (s *site) cancel(ids []string) {
	s.t.Helper()
	for _, id := range ids {
		if _, err := s.client.Cancel(s.t.Context(), id); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *site) awaitSucceeded(n int) { s.awaitCount(client.Success, n) }

// awaitCount returns when so many tasks have the status. It asks ever less often, so that
// asking costs little and makes an error of at most one part in a hundred.
func (s *site) awaitCount(status client.Status, n int) {
	s.t.Helper()
	begin := time.Now()
	for {
		page, err := s.client.ListPage(s.t.Context(), client.Filter{Statuses: []client.Status{status}, Limit: 1, Summary: true})
		if err != nil {
			s.t.Fatal(err)
		}
		if page.Total >= int64(n) {
			return
		}
		if err := pause(s.t.Context(), max(time.Since(begin)/100, time.Millisecond)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
