package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (k *workerCheck) polls(ctx context.Context) error {
	asks := func(c *seenCall) bool {
		return isPoll(c) && slices.Contains(c.Types, k.cmd.Type)
	}
	patience := 30 * time.Second
	if len(k.cmd.Command) == 0 {
		patience = checkTime
	}
	begin := time.Time{}
	if err := until(ctx, patience, func() string {
		if len(k.front.since(begin, asks)) > 0 {
			return ""
		}
		return "no POST /api/leases with max > 0 and task_types with " + k.cmd.Type + k.otherTypes()
	}); err != nil {
		return fmt.Errorf("%w: %w", errNeverAsks, err)
	}
	c := k.front.since(begin, asks)[0]
	switch {
	case c.Worker == "":
		return errors.New("no worker name")
	case c.PollID == "":
		return errors.New("no poll_id")
	case c.Wait < 1:
		return fmt.Errorf("wait_seconds %v", c.Wait)
	}
	begin = time.Now()
	wait(ctx, 3*time.Second)
	if n := len(k.front.since(begin, isAny)); n > 6 {
		return fmt.Errorf("%d calls in 3 s without a task", n)
	}
	return nil
}

// errNeverAsks: the worker has not asked for tasks of the type, so no other check can say anything.
var errNeverAsks = errors.New("the worker does not ask for tasks of the type")

// otherTypes says for which types the worker asked instead.
func (k *workerCheck) otherTypes() string {
	var types []string
	for _, c := range k.front.since(time.Time{}, isPoll) {
		types = append(types, c.Types...)
	}
	slices.Sort(types)
	if types = slices.Compact(types); len(types) == 0 {
		return ""
	}
	return "; it asked for " + strings.Join(types, ", ") + ": give one of them as --type"
}
