package main

import (
	"testing"

	"daybook/client"
)

// What holds a task changes with other tasks: the page keeps up although nothing of the task itself changes.
func TestPageSaysAllThatATaskWaitsFor(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	if _, err := c.LimitQueue(t.Context(), "narrow", map[string]any{"concurrency": 1}); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 4 {
		done, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", Queue: "narrow", Parameters: map[string]any{"seconds": 3600}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, done.ID)
	}
	if _, err := c.PauseQueue(t.Context(), "narrow", "look"); err != nil {
		t.Fatal(err)
	}
	b.open(ids[3])
	b.until("all reasons are shown", `document.querySelector("#detail").innerText.includes("its queue is paused") &&
		document.querySelector("#detail").innerText.includes("Also: as many tasks of its queue run as its limit allows; 2 tasks come first.")`)
	b.shoot()
	if _, err := c.Cancel(t.Context(), ids[1]); err != nil {
		t.Fatal(err)
	}
	b.until("one less comes first", `document.querySelector("#detail").innerText.includes("1 task comes first")`)
	if _, err := c.ResumeQueue(t.Context(), "narrow"); err != nil {
		t.Fatal(err)
	}
	b.until("the pause is over", `document.querySelector("#detail").innerText.includes("Also: 1 task comes first.")`)
}
