package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"daybook/client"
)

// tap is a transport to a real server that writes down what is posted, and can hold
// posts back.
type tap struct {
	http.RoundTripper
	mu      sync.Mutex
	posts   []posted
	arrived chan struct{} // one a post, before it is let through; nil = not wanted
	gate    chan struct{} // a post goes through for each value, all once closed; nil = open
	answer  func(path string) *http.Response
}

type posted struct{ path, body string }

func (p *tap) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return p.RoundTripper.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	p.mu.Lock()
	p.posts = append(p.posts, posted{r.URL.Path, string(body)})
	p.mu.Unlock()
	if p.arrived != nil {
		p.arrived <- struct{}{}
	}
	if p.gate != nil {
		select {
		case <-p.gate:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if p.answer != nil {
		if a := p.answer(r.URL.Path); a != nil {
			return a, nil
		}
	}
	return p.RoundTripper.RoundTrip(r)
}

// sent are the submits of all posts to path, as JSON.
func (p *tap) sent(t *testing.T, path string) (all []string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.posts {
		if one.path != path {
			continue
		}
		if !strings.HasPrefix(one.body, "[") {
			all = append(all, one.body)
			continue
		}
		var items []json.RawMessage
		if err := json.Unmarshal([]byte(one.body), &items); err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			all = append(all, string(item))
		}
	}
	return all
}

const (
	submitPath = "/api/tasks/submit"
	batchPath  = "/api/tasks/batch"
)

// tapped returns a Submitter of a real server, and the tap between them.
func tapped(t *testing.T) (*client.Client, *client.Submitter, *tap) {
	t.Helper()
	web := serve(t)
	p := &tap{RoundTripper: web.Client().Transport}
	c, err := client.New(web.URL, &http.Client{Transport: p})
	if err != nil {
		t.Fatal(err)
	}
	return c, c.NewSubmitter(), p
}

// result is what one caller heard.
type result struct {
	done client.Submitted
	err  error
}

// holdTwo sends two posts, which is as many as are on their way at once, and holds back
// every post until the gate is closed, or one for each value. wg waits for their callers.
func holdTwo(t *testing.T, s *client.Submitter, p *tap, wg *sync.WaitGroup) (gate chan struct{}) {
	t.Helper()
	gate = make(chan struct{})
	p.arrived, p.gate = make(chan struct{}, 4096), gate // room for more posts than a test sends
	for range 2 {
		wg.Go(func() { _, _ = s.Submit(t.Context(), long()) })
		<-p.arrived
	}
	return gate
}

// together holds two posts back, has submits gather behind them, lets all go, and returns
// what their callers heard.
func together(t *testing.T, s *client.Submitter, p *tap, submits []client.Submit) []result {
	t.Helper()
	var wg sync.WaitGroup
	gate := holdTwo(t, s, p, &wg)
	results := make([]result, len(submits))
	for i := range submits {
		wg.Go(func() {
			done, err := s.Submit(t.Context(), submits[i])
			results[i] = result{done, err}
		})
	}
	for s.Gathered() < len(submits) {
		// They come as the scheduler has them come; each takes the lock once.
	}
	close(gate)
	wg.Wait()
	return results
}

func tagged(tag string) client.Submit {
	s := long()
	s.Tags = []string{tag}
	return s
}

func TestALoneSubmitGoesOutAloneAndAtOnce(t *testing.T) {
	_, s, p := tapped(t)
	for i := range 3 {
		done, err := s.Submit(t.Context(), tagged("alone"))
		if err != nil || done.Status != client.Pending || done.Replayed || len(done.Tags) != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		if n := len(p.sent(t, submitPath)); n != i+1 {
			t.Errorf("%d submits in %d posts", i+1, n)
		}
	}
	if len(p.sent(t, batchPath)) > 0 {
		t.Error("one alone went as a batch")
	}
}

func TestSubmitsThatGatherTravelInOnePostAndEachCallerGetsItsOwn(t *testing.T) {
	c, s, p := tapped(t)
	submits := make([]client.Submit, 40)
	for i := range submits {
		submits[i] = tagged(fmt.Sprintf(`t"],[{%d\`, i))
	}
	for i, r := range together(t, s, p, submits) {
		if r.err != nil {
			t.Fatal(r.err)
		}
		if r.done.Replayed || r.done.Tags[0] != submits[i].Tags[0] {
			t.Errorf("caller %d got %s", i, r.done.Raw)
		}
		if kept, err := c.Get(t.Context(), r.done.ID); err != nil || kept.Tags[0] != submits[i].Tags[0] {
			t.Errorf("the server has %s, %v", kept.Raw, err)
		}
	}
	if alone, batch := p.sent(t, submitPath), p.sent(t, batchPath); len(alone) != 2 || len(batch) != len(submits) {
		t.Errorf("%d alone, %d in batches", len(alone), len(batch))
	}
}

func TestWhoIsWrongHearsOfItAndTheOthersDoNot(t *testing.T) {
	c, s, p := tapped(t)
	used := tagged("first")
	used.IdempotencyKey = "used"
	if _, err := c.Submit(t.Context(), used); err != nil {
		t.Fatal(err)
	}
	submits := make([]client.Submit, 30)
	for i := range submits {
		submits[i] = tagged("right")
	}
	submits[11] = client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": "many"}}
	submits[12] = client.Submit{TaskType: "NOPE"}
	submits[20].IdempotencyKey = "used"
	for i, r := range together(t, s, p, submits) {
		var problem *client.Problem
		switch errors.As(r.err, &problem); i {
		case 11:
			if problem == nil || problem.Status != 400 || len(problem.Errors) != 1 || problem.Errors[0].Pointer != "/parameters/seconds" {
				t.Errorf("bad parameters: %+v", r.err)
			}
		case 12:
			if problem == nil || problem.Status != 400 || len(problem.Errors) != 1 || problem.Errors[0].Pointer != "/task_type" {
				t.Errorf("bad type: %+v", r.err)
			}
		case 20:
			if problem == nil || problem.Status != 409 || len(problem.Errors) != 0 {
				t.Errorf("a key of another submit: %+v", r.err)
			}
		default:
			if r.err != nil {
				t.Errorf("caller %d: %v", i, r.err)
			}
		}
	}
	page, err := c.ListPage(t.Context(), client.Filter{Tags: []string{"right"}})
	if err != nil || page.Total != 27 {
		t.Errorf("%d tasks of 27, %v", page.Total, err)
	}
}

func TestEachCallerKnowsWhetherItsKeyWasUsedBefore(t *testing.T) {
	c, s, p := tapped(t)
	submits := make([]client.Submit, 12)
	ids := map[int]string{}
	for i := range submits {
		submits[i] = tagged("keyed")
		submits[i].IdempotencyKey = fmt.Sprint("key ", i)
		if i%3 != 1 {
			first, err := c.Submit(t.Context(), submits[i])
			if err != nil {
				t.Fatal(err)
			}
			ids[i] = first.ID
		}
	}
	for i, r := range together(t, s, p, submits) {
		if r.err != nil || r.done.Replayed != (i%3 != 1) || *r.done.IdempotencyKey != submits[i].IdempotencyKey {
			t.Errorf("caller %d: replayed %v, %v", i, r.done.Replayed, r.err)
		}
		if ids[i] != "" && ids[i] != r.done.ID {
			t.Errorf("caller %d got another task", i)
		}
	}
	again, err := s.Submit(t.Context(), submits[0])
	if err != nil || !again.Replayed {
		t.Errorf("alone: %+v, %v", again, err)
	}
}

func TestWhatItsCallerLeftWhileItGatheredIsNeverSent(t *testing.T) {
	c, s, p := tapped(t)
	var wg sync.WaitGroup
	gate := holdTwo(t, s, p, &wg)
	ctx, cancel := context.WithCancel(t.Context())
	for _, tag := range []string{"stays", "goes", "stays"} {
		wg.Go(func() {
			mine := t.Context()
			if tag == "goes" {
				mine = ctx
			}
			_, err := s.Submit(mine, tagged(tag))
			if (tag == "goes") != errors.Is(err, context.Canceled) || tag == "stays" && err != nil {
				t.Errorf("%s: %v", tag, err)
			}
		})
	}
	for s.Gathered() < 3 {
	}
	cancel()
	for s.Gathered() > 2 {
	}
	close(gate)
	wg.Wait()
	page, err := c.ListPage(t.Context(), client.Filter{Tags: []string{"goes"}})
	if err != nil || page.Total != 0 || len(p.sent(t, batchPath)) != 2 {
		t.Errorf("%d tasks, %v; sent %q", page.Total, err, p.sent(t, batchPath))
	}
}

func TestACallerThatLeavesDoesNotDisturbOthersOfItsPost(t *testing.T) {
	_, s, p := tapped(t)
	var wg sync.WaitGroup
	gate := holdTwo(t, s, p, &wg)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { _, err := s.Submit(ctx, tagged("leaves")); left <- err }()
	wg.Go(func() {
		if _, err := s.Submit(t.Context(), tagged("stays")); err != nil {
			t.Errorf("who stayed: %v", err)
		}
	})
	for s.Gathered() < 2 {
	}
	gate <- struct{}{} // one of the two comes back
	<-p.arrived        // the batch is on its way
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	close(gate)
	wg.Wait()
}

func TestAPostThatNobodyWaitsForEnds(t *testing.T) {
	_, s, p := tapped(t)
	p.arrived, p.gate = make(chan struct{}, 8), make(chan struct{}) // never opened
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { _, err := s.Submit(ctx, long()); left <- err }()
	<-p.arrived
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// goleak sees whether the goroutine of the post ended.
}

func TestWhatMayHaveBeenDoneIsNotSentAgain(t *testing.T) {
	for _, status := range []int{500, 503, 429, 408, 403} {
		_, s, p := tapped(t)
		p.answer = func(path string) *http.Response {
			if path != batchPath {
				return nil
			}
			return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"3"}}, Body: http.NoBody}
		}
		for _, r := range together(t, s, p, []client.Submit{tagged("a"), tagged("b"), tagged("c")}) {
			if client.StatusOf(r.err) != status {
				t.Errorf("%d: %v", status, r.err)
			}
		}
		if alone, batch := len(p.sent(t, submitPath)), len(p.sent(t, batchPath)); alone != 2 || batch != 3 {
			t.Errorf("%d: %d went alone, %d in batches", status, alone, batch)
		}
	}
}

func TestAnAnswerThatDoesNotFitIsAnErrorForAll(t *testing.T) {
	for _, body := range []string{"", "{}", "[", `[{}]`, `[{},{}`, `[{},"{},{}]`, `[{},{},{},{}]`, `[1,2,"`} {
		_, s, p := tapped(t)
		p.answer = func(path string) *http.Response {
			if path != batchPath {
				return nil
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		}
		for _, r := range together(t, s, p, []client.Submit{tagged("a"), tagged("b"), tagged("c")}) {
			if r.err == nil {
				t.Errorf("%q was taken", body)
			}
		}
		if n := len(p.sent(t, batchPath)); n != 3 {
			t.Errorf("%d were sent", n)
		}
	}
}

func TestMoreThanABatchHoldsGoesInSeveral(t *testing.T) {
	c, s, p := tapped(t)
	submits := make([]client.Submit, 1203)
	for i := range submits {
		submits[i] = tagged("many")
		submits[i].DelaySeconds = 3600
	}
	for _, r := range together(t, s, p, submits) {
		if r.err != nil {
			t.Fatal(r.err)
		}
	}
	page, err := c.ListPage(t.Context(), client.Filter{Tags: []string{"many"}, Limit: 1})
	if err != nil || page.Total != int64(len(submits)) || len(p.sent(t, batchPath)) != len(submits) {
		t.Errorf("%d tasks, %v", page.Total, err)
	}
}

func TestManyGoroutinesSubmitManyTimesAndNothingIsLostOrTwice(t *testing.T) {
	c, s, p := tapped(t)
	var wg sync.WaitGroup
	for g := range 32 {
		wg.Go(func() {
			for i := range 20 {
				tag := fmt.Sprintf("%d of %d", i, g)
				one := tagged(tag)
				one.DelaySeconds = 3600
				if done, err := s.Submit(t.Context(), one); err != nil || done.Tags[0] != tag {
					t.Errorf("%s: %s, %v", tag, done.Raw, err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for task, err := range c.List(t.Context(), client.Filter{Limit: 1000}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[task.Tags[0]] {
			t.Errorf("%s is there twice", task.Tags[0])
		}
		seen[task.Tags[0]] = true
	}
	if len(seen) != 640 || len(p.sent(t, submitPath))+len(p.sent(t, batchPath)) != 640 {
		t.Errorf("%d tasks", len(seen))
	}
}

func TestIndexesOfTheHeader(t *testing.T) {
	for list, want := range map[string][]int{
		"": {}, "0": {0}, "0,3": {0, 3}, "0-2, 4": {0, 1, 2, 4}, "3-9": {3, 4}, "5": {}, "-1,2": {2}, "2-1": {}, "x,1-y,4": {4}, "0-": {},
	} {
		got := client.Indexes(list, 5)
		ok := len(got) == len(want)
		for _, k := range want {
			ok = ok && got[k]
		}
		if !ok {
			t.Errorf("%q of 5: %v", list, got)
		}
	}
}
