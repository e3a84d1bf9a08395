package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"daybook/client"
)

func (k *workerCheck) losesAnswer(ctx context.Context) error {
	lost := make(chan string, 1) // the poll_id of the answer
	k.front.lose(func(c *seenCall) bool {
		if len(c.answer.Leases) == 0 || len(lost) > 0 {
			return false
		}
		lost <- c.PollID
		return true
	})
	defer k.front.lose(nil)
	t, err := k.submit(ctx, k.cmd.Parameters)
	if err != nil {
		return err
	}
	if err := k.is(ctx, 30*time.Second, t.ID, first); err != nil {
		return err
	}
	id := <-lost
	if len(k.front.since(time.Time{}, func(c *seenCall) bool { return c.PollID == id })) < 2 {
		return errors.New("the call is not repeated with its poll_id")
	}
	return k.goesOn(ctx)
}

func (k *workerCheck) losesReport(ctx context.Context) error {
	for text, f := range map[string]fault{"before": cutBefore, "after": cutAfter} {
		k.front.disturb(once(f, isEnd))
		t, err := k.submit(ctx, k.cmd.Parameters)
		if err != nil {
			return err
		}
		if err := k.is(ctx, 30*time.Second, t.ID, first); err != nil {
			return fmt.Errorf("cut %s the server has the report: %w", text, err)
		}
	}
	return k.goesOn(ctx)
}

func (k *workerCheck) duplicates(ctx context.Context) error {
	k.front.disturb(once(twice, isEnd))
	t, err := k.submit(ctx, k.cmd.Parameters)
	if err != nil {
		return err
	}
	if err := k.is(ctx, 30*time.Second, t.ID, first); err != nil {
		return err
	}
	return k.goesOn(ctx)
}

func (k *workerCheck) meetsBusy(ctx context.Context) error {
	for status, f := range map[int]fault{503: busy, 429: tooMany} {
		k.front.disturb(func(*seenCall) fault { return f })
		begin := time.Now()
		t, err := k.submit(ctx, k.cmd.Parameters) // the poll that waits gets it; its report meets the fault
		if err != nil {
			return err
		}
		wait(ctx, 4*time.Second)
		if n := len(k.front.since(begin, isAny)); n > 30 {
			return fmt.Errorf("%d calls in 4 s that were answered %d with Retry-After: 1", n, status)
		}
		k.front.disturb(nil)
		if err := k.is(ctx, 20*time.Second, t.ID, func(t *client.Task) bool { return t.Status == client.Success }); err != nil {
			return fmt.Errorf("after %d: %w", status, err)
		}
	}
	return k.goesOn(ctx)
}

func (k *workerCheck) quiet(ctx context.Context) error {
	polls := k.front.since(time.Time{}, isPoll)
	name := polls[len(polls)-1].Worker
	running, err := k.begin(ctx)
	if err != nil {
		return err
	}
	defer k.finish(ctx, running.ID)
	var answer json.RawMessage
	if err := k.post(ctx, "/api/workers/"+name+"/quiet", "{}", &answer); err != nil {
		return err
	}
	begin := time.Now()
	t, err := k.submit(ctx, k.cmd.Parameters)
	if err != nil {
		return err
	}
	wait(ctx, 6*time.Second)
	if now, err := k.client.Get(ctx, t.ID); err != nil || now.Status != client.Pending {
		return fmt.Errorf("a task that was submitted meanwhile: %s (%v)", told(&now), err)
	}
	if now, err := k.client.Get(ctx, running.ID); err != nil || now.Status != client.Running || now.Attempt != 1 {
		return fmt.Errorf("the task that runs: %s (%v)", told(&now), err)
	}
	if n := len(k.front.since(begin, isPoll)); n > 20 {
		return fmt.Errorf("%d lease calls in 6 s of quiet", n)
	}
	if err := k.post(ctx, "/api/workers/"+name+"/resume", "{}", &answer); err != nil {
		return err
	}
	return k.is(ctx, 20*time.Second, t.ID, first)
}

func (k *workerCheck) restarts(ctx context.Context) error {
	t, err := k.begin(ctx)
	if err != nil {
		return err
	}
	k.front.close()
	k.server.kill()
	wait(ctx, 2*time.Second)
	if err := k.startServer(ctx); err != nil {
		return err
	}
	defer func() { k.finish(ctx, t.ID) }()
	k.front.to(k.server.url)
	if err := k.front.open(); err != nil {
		return err
	}
	wait(ctx, 3*checkLease*time.Second)
	now, err := k.client.Get(ctx, t.ID)
	if err != nil {
		return err
	}
	if now.Attempt != 1 || now.Status != client.Running && now.Status != client.Success {
		return errors.New(told(&now))
	}
	return k.goesOn(ctx)
}

func (k *workerCheck) stops(ctx context.Context) error {
	t, err := k.begin(ctx)
	if err != nil {
		return err
	}
	if err := k.worker.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	wait(ctx, time.Second)
	late, err := k.submit(ctx, k.cmd.Parameters)
	if err != nil {
		return err
	}
	select {
	case <-k.exited:
	case <-time.After(time.Minute):
		return errors.New("the worker is still running after a minute")
	}
	if k.code != 0 {
		return fmt.Errorf("exit code %d", k.code)
	}
	if now, err := k.client.Get(ctx, late.ID); err != nil || now.Status != client.Pending {
		return fmt.Errorf("a task that was submitted after the signal: %s (%v)", told(&now), err)
	}
	now, err := k.client.Get(ctx, t.ID)
	switch {
	case err != nil:
		return err
	case now.Status == client.Success, now.Status == client.Pending && now.Attempt == 0:
		return nil
	}
	return fmt.Errorf("%s; it is neither finished nor released", told(&now))
}

func (k *workerCheck) losesLease(ctx context.Context) error {
	t, err := k.begin(ctx)
	if err != nil {
		return err
	}
	k.front.disturb(func(*seenCall) fault { return busy })
	var other seenAnswer
	body := fmt.Sprintf(`{"worker":"worker-check","task_types":[%q],"max":1,"wait_seconds":30,"lease_seconds":60}`, k.cmd.Type)
	if err := k.post(ctx, "/api/leases", body, &other); err != nil {
		return err
	}
	if len(other.Leases) != 1 || other.Leases[0].Task.ID != t.ID {
		return errors.New("another worker did not get the task when its lease had run out")
	}
	back := time.Now()
	k.front.disturb(nil)
	// The worker hears of it by its next beat or report. Then it must be silent about the task.
	wait(ctx, 4*time.Second)
	told, late := time.Now(), 0
	tokens := k.front.tokens(t.ID)
	for _, c := range k.front.since(back, isAny) {
		for _, token := range c.ends() {
			if tokens[token] {
				late++
			}
		}
	}
	if late > 1 {
		return fmt.Errorf("%d late reports", late)
	}
	wait(ctx, 3*time.Second)
	for _, c := range k.front.since(told, isAny) {
		for _, token := range append(c.ends(), c.Tokens...) {
			if tokens[token] {
				return fmt.Errorf("the token is still sent 4 s later (%s)", strings.ReplaceAll(c.path, token, "TOKEN"))
			}
		}
	}
	var done client.Task // failed: the type may not allow a result of ours
	if err := k.post(ctx, "/api/leases/"+other.Leases[0].Token+"/fail", `{"error":"ended by worker-check","retryable":false}`, &done); err != nil {
		return err
	}
	return k.goesOn(ctx)
}
