package client_test

import (
	"errors"
	"slices"
	"testing"

	"daybook/client"
)

func TestAWorkflowIsFollowedToItsEnd(t *testing.T) {
	c := connect(t)
	first, second := sleep("a"), sleep("b")
	second.DependsOn = []client.Dependency{{Task: "first"}}
	last := sleep(nil)
	flow := client.NewWorkflow{Name: "two", Tasks: map[string]client.Submit{"a-second": second, "first": first}, OnEnd: &last}
	made, replayed, err := c.SubmitWorkflow(t.Context(), flow, "k")
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	seen := map[string][]client.Status{}
	var end client.Workflow
	for u, err := range c.WatchWorkflow(t.Context(), made.ID) {
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range u.Changed {
			seen[*task.ChildName] = append(seen[*task.ChildName], task.Status)
		}
		end = *u.Workflow
	}
	if end.Status != client.Success || end.Counts[client.Success] != 3 || *end.Name != "two" || len(end.Raw) == 0 {
		t.Errorf("it ended as %+v", end)
	}
	var order []string
	for i := range end.Tasks {
		order = append(order, *end.Tasks[i].ChildName)
		if states := seen[order[i]]; len(states) > 0 && states[len(states)-1] != client.Success || end.Tasks[i].Status != client.Success {
			t.Errorf("%s went through %v", order[i], states)
		}
	}
	if !slices.Equal(order, []string{"first", "a-second", "on_end"}) {
		t.Errorf("the tasks are in the order %v", order)
	}
	again, replayed, err := c.SubmitWorkflow(t.Context(), flow, "k")
	if err != nil || !replayed || again.ID != made.ID {
		t.Errorf("submitted again, it is %s, replayed %v, %v", again.ID, replayed, err)
	}
}

func TestAWorkflowIsCancelledAndRetried(t *testing.T) {
	c := connect(t)
	made, _, err := c.SubmitWorkflow(t.Context(), client.NewWorkflow{Name: "one", Tasks: map[string]client.Submit{"wait": long()}}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CancelWorkflow(t.Context(), made.ID, "enough"); err != nil {
		t.Fatal(err)
	}
	var last *client.Workflow
	for u, err := range c.WatchWorkflow(t.Context(), made.ID) {
		if err != nil {
			t.Fatal(err)
		}
		last = u.Workflow
	}
	if last.Status != client.Cancelled || last.Tasks[0].Status != client.Cancelled {
		t.Errorf("it ended as %s, its task as %s", last.Status, last.Tasks[0].Status)
	}
	if w, err := c.RetryWorkflow(t.Context(), made.ID, "wait", "once more"); err != nil || w.Status.Ended() {
		t.Errorf("retried, it is %s, %v", w.Status, err)
	}
	if _, err := c.CancelWorkflow(t.Context(), made.ID, ""); err != nil {
		t.Error(err)
	}
	var p *client.Problem
	for _, err := range c.WatchWorkflow(t.Context(), "01ARZ3NDEKTSV4RRFFQ69G5FAV") {
		if !errors.As(err, &p) || p.Status != 404 {
			t.Errorf("one that is not there: %v", err)
		}
	}
}

func TestWorkflowsAreListedOverSeveralPages(t *testing.T) {
	c := connect(t)
	for _, name := range []string{"a", "b", "a", "c", "a"} {
		if _, _, err := c.SubmitWorkflow(t.Context(), client.NewWorkflow{Name: name, Tasks: map[string]client.Submit{"x": sleep(nil)}}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []struct {
		filter client.WorkflowFilter
		names  []string
	}{
		{client.WorkflowFilter{Limit: 2}, []string{"a", "c", "a", "b", "a"}},
		{client.WorkflowFilter{Limit: 1, Name: "a"}, []string{"a", "a", "a"}},
		{client.WorkflowFilter{Statuses: []client.Status{client.Cancelled}}, nil},
	} {
		var names []string
		for w, err := range c.Workflows(t.Context(), want.filter) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, *w.Name)
		}
		if !slices.Equal(names, want.names) {
			t.Errorf("%+v lists %v, want %v", want.filter, names, want.names)
		}
	}
}
