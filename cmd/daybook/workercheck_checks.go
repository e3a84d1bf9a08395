package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"daybook/client"
)

// check is one thing that a worker must do.
type check struct {
	name         string
	expect       string
	needsCommand bool
	run          func(k *workerCheck, ctx context.Context) error
}

// checks are all checks, in the order in which they run: one may leave the worker as it found it, but
// the last stops it.
var checks = []check{
	{"poll", "the worker asks for tasks with its name, its free slots, a poll_id and a wait of some seconds, and does not ask all the time", false, (*workerCheck).polls},
	{"submit", "a task is leased and ends with SUCCESS in its first attempt", false, (*workerCheck).submits},
	{"many", "50 tasks at once end with SUCCESS, each in its first attempt and reported once", false, (*workerCheck).many},
	{"big-payload", "a task with 200 KiB of parameters in several scripts ends", false, (*workerCheck).bigPayload},
	{"bad-parameters", "a task with parameters of another shape ends, and the worker goes on", false, (*workerCheck).badParameters},
	{"progress", "the progress of a running task is reported", false, (*workerCheck).progress},
	{"beats", "a task that runs longer than its lease keeps it, with beats at the rhythm of the server", false, (*workerCheck).beats},
	{"cancel", "a running task that is cancelled is stopped, its lease is ended by a report, and the worker goes on", false, (*workerCheck).cancels},
	{"lost-lease", "work on a task that another worker has is stopped; at most one late report is sent, and the worker goes on", false, (*workerCheck).losesLease},
	{"lost-answer", "a lease call whose answer is lost is repeated with the same poll_id, and the tasks of the lost answer run in their first attempt", false, (*workerCheck).losesAnswer},
	{"lost-report", "a report is repeated when the connection breaks before or after the server has it", false, (*workerCheck).losesReport},
	{"duplicate", "a completion that reaches the server twice does no harm", false, (*workerCheck).duplicates},
	{"busy", "503 and 429 with Retry-After are waited for, and the worker comes back", false, (*workerCheck).meetsBusy},
	{"quiet", "a quiet worker finishes and beats, gets no tasks, asks rarely, and comes back after resume", false, (*workerCheck).quiet},
	{"restart", "a task goes on while the server is killed and started again, and new tasks run", false, (*workerCheck).restarts},
	{"stop", "after SIGTERM the worker finishes or releases what it holds, takes nothing more, and exits with 0 within a minute", true, (*workerCheck).stops},
}

func checkNames() (names []string) {
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// checkTime is the most that one check takes.
const checkTime = 3 * time.Minute

// run runs one check and returns what is wrong.
func (k *workerCheck) run(ctx context.Context, c check) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if k.exited != nil {
		select {
		case <-k.exited:
			return fmt.Errorf("the worker is not running: it exited with code %d", k.code)
		default:
		}
	}
	err := c.run(k, ctx)
	k.front.disturb(nil)
	return err
}

// until waits until is returns "", which says what is seen meanwhile.
func until(ctx context.Context, most time.Duration, is func() string) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		seen := is()
		if seen == "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s, after %s", seen, most)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (k *workerCheck) submit(ctx context.Context, params string) (client.Task, error) {
	done, err := k.client.Submit(ctx, client.Submit{TaskType: k.cmd.Type, Parameters: json.RawMessage(params), MaxAttempts: 3})
	return done.Task, err
}

// is waits until a task is as wanted.
func (k *workerCheck) is(ctx context.Context, most time.Duration, id string, wanted func(t *client.Task) bool) error {
	return until(ctx, most, func() string {
		t, err := k.client.Get(ctx, id)
		switch {
		case err != nil:
			return err.Error()
		case wanted(&t):
			return ""
		}
		return told(&t)
	})
}

// told says how a task stands.
func told(t *client.Task) string {
	text := fmt.Sprintf("the task is %s, attempt %d", t.Status, t.Attempt)
	if t.ErrorMessage != nil {
		line, _, _ := strings.Cut(*t.ErrorMessage, "\n")
		text += ": " + line
	}
	if t.Status == client.Running {
		text += fmt.Sprintf(", progress %v", t.Progress)
	}
	return text
}

func first(t *client.Task) bool { return t.Status == client.Success && t.Attempt == 1 }

// goesOn submits a short task, which must succeed.
func (k *workerCheck) goesOn(ctx context.Context) error {
	t, err := k.submit(ctx, k.cmd.Parameters)
	if err != nil {
		return err
	}
	if err := k.is(ctx, 20*time.Second, t.ID, first); err != nil {
		return fmt.Errorf("the next task: %w", err)
	}
	return nil
}

// begin submits a long task and waits until the worker reports or beats for it.
func (k *workerCheck) begin(ctx context.Context) (client.Task, error) {
	t, err := k.submit(ctx, k.cmd.Long)
	if err != nil {
		return t, err
	}
	err = k.is(ctx, 20*time.Second, t.ID, func(t *client.Task) bool { return t.Status == client.Running })
	if err != nil {
		return t, fmt.Errorf("the long task (--long): %w", err)
	}
	return t, until(ctx, 20*time.Second, func() string {
		tokens := k.front.tokens(t.ID)
		if len(k.front.since(time.Time{}, func(c *seenCall) bool { return c.isFor(tokens) })) > 0 {
			return ""
		}
		return "no beat and no report of the task that runs"
	})
}

// finish cancels a long task and waits for its end.
func (k *workerCheck) finish(ctx context.Context, id string) {
	if _, err := k.client.Cancel(ctx, id); err == nil {
		_ = k.is(ctx, 20*time.Second, id, func(t *client.Task) bool { return t.Status.Ended() })
	}
}

func (k *workerCheck) submits(ctx context.Context) error {
	t, err := k.submit(ctx, k.cmd.Parameters)
	if err != nil {
		return err
	}
	return k.is(ctx, 30*time.Second, t.ID, first)
}

func (k *workerCheck) many(ctx context.Context) error {
	batch := make([]client.Submit, 50)
	for i := range batch {
		batch[i] = client.Submit{TaskType: k.cmd.Type, Parameters: json.RawMessage(k.cmd.Parameters)}
	}
	begin := time.Now()
	tasks, err := k.client.SubmitBatch(ctx, batch)
	if err != nil {
		return err
	}
	for _, t := range tasks {
		if err := k.is(ctx, time.Minute, t.ID, first); err != nil {
			return err
		}
	}
	reported := map[string]int{}
	for _, c := range k.front.since(begin, isEnd) {
		for _, token := range c.ends() {
			if reported[token]++; reported[token] > 1 {
				return errors.New("the end of a task is reported twice, although the first report was answered")
			}
		}
	}
	return nil
}

func (k *workerCheck) bigPayload(ctx context.Context) error {
	params, err := parameters(k.cmd.Parameters, nil)
	if err != nil {
		return err
	}
	if params["padding"], err = json.Marshal(strings.Repeat("Größe 大きさ \U0001F4D3 ", 200<<10/31)); err != nil {
		return err
	}
	text, err := object(params)
	if err != nil {
		return err
	}
	return k.endsSomehow(ctx, text)
}

func (k *workerCheck) badParameters(ctx context.Context) error {
	if err := k.endsSomehow(ctx, `{"worker-check":[{"not":"yours"}]}`); err != nil {
		return err
	}
	return k.goesOn(ctx)
}

// endsSomehow submits a task that must end, with SUCCESS or FAILED, in an attempt that the worker
// reports.
func (k *workerCheck) endsSomehow(ctx context.Context, params string) error {
	done, err := k.client.Submit(ctx, client.Submit{TaskType: k.cmd.Type, Parameters: json.RawMessage(params), MaxAttempts: 1})
	if err != nil {
		return err
	}
	if err := k.is(ctx, 30*time.Second, done.ID, func(t *client.Task) bool { return t.Status.Ended() }); err != nil {
		return err
	}
	return k.reported(done.ID)
}

// reported wants that the worker has ended a lease of the task by a report.
func (k *workerCheck) reported(id string) error {
	tokens := k.front.tokens(id)
	for _, c := range k.front.since(time.Time{}, isEnd) {
		for _, token := range c.ends() {
			if tokens[token] {
				return nil
			}
		}
	}
	return errors.New("the lease ran out without a report")
}

func (k *workerCheck) progress(ctx context.Context) error {
	t, err := k.begin(ctx)
	if err != nil {
		return err
	}
	defer k.finish(ctx, t.ID)
	return k.is(ctx, 20*time.Second, t.ID, func(t *client.Task) bool { return t.Status == client.Running && t.Progress > 0 })
}

func (k *workerCheck) beats(ctx context.Context) error {
	t, err := k.begin(ctx)
	if err != nil {
		return err
	}
	defer k.finish(ctx, t.ID)
	begin := time.Now()
	for time.Since(begin) < 4*checkLease*time.Second {
		now, err := k.client.Get(ctx, t.ID)
		if err != nil {
			return err
		}
		if now.Status != client.Running || now.Attempt != 1 {
			return fmt.Errorf("%s, %.0f s after its start, with leases of %d s and beat_seconds 1", told(&now), time.Since(begin).Seconds(), checkLease)
		}
		wait(ctx, 200*time.Millisecond)
	}
	if n := len(k.front.since(begin, isBeat)); n < 6 || n > 40 {
		return fmt.Errorf("%d beats in %d s with beat_seconds 1", n, 4*checkLease)
	}
	return nil
}

func (k *workerCheck) cancels(ctx context.Context) error {
	t, err := k.begin(ctx)
	if err != nil {
		return err
	}
	if _, err := k.client.Cancel(ctx, t.ID); err != nil {
		return err
	}
	if err := k.is(ctx, 15*time.Second, t.ID, func(t *client.Task) bool { return t.Status == client.Cancelled }); err != nil {
		return err
	}
	if err := k.reported(t.ID); err != nil {
		return err
	}
	return k.goesOn(ctx)
}

// post makes a call of the protocol at the server itself.
func (k *workerCheck) post(ctx context.Context, path, body string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.server.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s to POST %s", resp.Status, path)
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
