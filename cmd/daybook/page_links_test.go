package main

import (
	"encoding/json"
	"fmt"
	"testing"

	"daybook/client"
)

// linkTo finds a link to the task in the part of the panel.
func linkTo(part, id string) string {
	return fmt.Sprintf(`document.querySelector('#detail %s a[href^="#/tasks/%s"]')`, part, id)
}

// action finds a button of the panel that is shown.
func action(word string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#detail .detail-actions button:not([hidden])")].find((b) => b.textContent === %q && b.checkVisibility())`, word)
}

func TestPageRetriesATaskWithChangesAndLinksTheTwo(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	old, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", Queue: "night", MaxAttempts: 1, Tags: []string{"a"},
		Parameters: map[string]any{"seconds": 0, "fail_rate": 1, "result": json.RawMessage(`{"n":9007199254740993}`)}})
	if err != nil {
		t.Fatal(err)
	}
	b.untilStatus(old.ID, "FAILED")
	b.js(`location.hash = "#/tasks/` + old.ID + `"`)
	b.until("a retry with changes is offered", action("Retry with changes"))
	b.js(action("Retry with changes") + `.click()`)
	b.until("the form has the parameters", `document.querySelector('#form[open] [data-pointer="/parameters/fail_rate"] :is(input, textarea, select)')?.value === "1" && document.querySelector('#form [data-pointer="/parameters/result"] :is(input, textarea, select)').value.includes("9007199254740993")`)
	if words := eval[string](b, `document.querySelector("#form").innerText`); eval[bool](b, `document.querySelector("#form .types").checkVisibility() || document.querySelector("#form .advanced").checkVisibility()`) {
		t.Error("the form offers what a retry takes over from the old task:", words)
	}
	b.shootAs("form")
	clear := `(() => { const field = document.querySelector('#form [data-pointer="/parameters/fail_rate"] input'); field.value = ""; field.dispatchEvent(new Event("input", { bubbles: true })); })()`
	b.js(clear)
	b.fill("/parameters/fail_rate", "2")
	b.js(`document.querySelector("#form button[type=submit]").click()`)
	b.until("what is wrong is said at its field", `document.querySelector('#form [data-pointer="/parameters/fail_rate"] :is(input, textarea, select)').closest("[data-pointer]").innerText.includes("at most 1")`)
	b.js(clear)
	b.fill("/parameters/fail_rate", "0")
	b.js(`document.querySelector("#form button[type=submit]").click()`)
	b.until("the new task is open, and links to the old one", linkTo(".facts", old.ID))
	made := eval[string](b, `location.hash.slice(8, 34)`)
	b.untilStatus(made, "SUCCESS")
	task, err := c.Get(t.Context(), made)
	if err != nil || task.RetryOf == nil || *task.RetryOf != old.ID || task.Queue != "night" || len(task.Tags) != 1 || string(task.ResultData) != `{"n":9007199254740993}` {
		t.Errorf("the new task: %+v, %v", task, err)
	}
	b.shoot()
	b.js(linkTo(".facts", old.ID) + `.click()`)
	b.until("the old task is open, and links to the new one", linkTo(".facts", made))
	b.js(`document.querySelector("#new-task").click()`)
	b.until("the form is for a new task again", `document.querySelector("#form[open] h2")?.textContent === "New task" && document.querySelector("#form .types").checkVisibility()`)
}

func TestPageLinksToTheTaskThatOneWaitsForAndToWhatReplacedOne(t *testing.T) {
	b, server := openPage(t, 390, 844)
	c := connect(t, server)
	var ids []string
	for range 3 {
		task, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 3600},
			Unique: &client.Unique{Key: "shop 7", OnConflict: "replace"}})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, task.ID)
		if len(ids) == 1 {
			b.untilStatus(task.ID, "RUNNING")
		}
	}
	b.js(`location.hash = "#/tasks/` + ids[1] + `"`)
	b.until("it links to what replaced it", linkTo(".facts", ids[2]))
	b.shoot()
	b.js(linkTo(".facts", ids[2]) + `.click()`)
	b.until("the third waits for the first", linkTo(".note", ids[0]))
	b.shootAs("waits")
	b.js(linkTo(".note", ids[0]) + `.click()`)
	b.until("the first is open", `location.hash.startsWith("#/tasks/`+ids[0]+`")`)
}
