package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"daybook/client"

	"github.com/chromedp/chromedp"
)

// inPlace is a button or link of the open place, by its word.
func inPlace(word string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#place :is(button, a)")].find((b) => b.textContent === %q && b.checkVisibility())`, word)
}

func TestPageCreatesAScheduleFromATaskAndShowsWhatBecameOfItsTimes(t *testing.T) {
	b, server := openPage(t, 1280, 900)
	c := connect(t, server)
	task, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", Queue: "night", Parameters: map[string]any{"seconds": 0.25}})
	if err != nil {
		t.Fatal(err)
	}
	b.js(`location.hash = "#/schedules"`)
	b.until("there is none", `document.querySelector("#place").innerText.includes("There is no schedule yet") && document.title === "Schedules · Daybook"`)
	b.js(`location.hash = "#/tasks/` + task.ID + `"`)
	schedule := `[...document.querySelectorAll("#detail .detail-actions a")].find((a) => a.textContent === "Schedule" && a.checkVisibility())`
	b.until("the task can be scheduled", schedule)
	b.js(schedule + `.click()`)
	field := func(name string) string { return fmt.Sprintf(`#place [data-pointer="/%s"] :is(input, textarea)`, name) }
	typed := func(name, value string) {
		b.js(fmt.Sprintf(`const input = document.querySelector('%s'); input.value = %q; input.dispatchEvent(new Event("input", { bubbles: true }))`, field(name), value))
	}
	b.until("the form has its parameters", `document.querySelector('`+field("task/parameters/seconds")+`')?.value === "0.25" && document.querySelector('`+field("task/queue")+`').value === "night"`)
	typed("timezone", "Europe/Berlin")
	typed("cron", "61 * * * *")
	b.until("the server's error is at the field", `document.querySelector('#place [data-pointer="/cron"] .field-error:not([hidden])')?.textContent`)
	b.refused()
	typed("cron", "30 2 * * *")
	b.until("the next times are shown", `/at 02:30 every day/.test(document.querySelector(".place-preview").textContent) && document.querySelectorAll(".place-preview li").length === 5`)
	if first := eval[string](b, `document.querySelector(".place-preview li").textContent`); !strings.HasSuffix(first, "02:30") {
		t.Error("the first time is", first)
	}
	b.cutsNothing("the form of a schedule")
	b.shootAs("form")
	b.js(inPlace("Create schedule") + `.click()`)
	b.until("a name is needed", `document.querySelector('#place [data-pointer="/name"] .field-error:not([hidden])')?.textContent`)
	b.refused()
	typed("name", "nightly")
	b.js(inPlace("Create schedule") + `.click()`)
	b.until("it is shown", `location.hash === "#/schedules/nightly" && document.title === "nightly · Daybook" && document.querySelectorAll("#place .place-times li").length === 5`)
	b.js(inPlace("Run now") + `.click()`)
	b.until("the run is in the history", `document.querySelector('#place tr[data-outcome="fired"]')?.textContent.includes("Success")`)
	b.js(inPlace("Pause") + `.click()`)
	b.sheet(map[string]string{"reason": "holidays"})
	b.until("it says who paused it and why", `/Paused .* by .anonymous.: .holidays/.test(document.querySelector("#place").innerText) && `+inPlace("Resume"))
	b.js(inPlace("Backfill") + `.click()`)
	from := time.Now().Add(-49 * time.Hour).UTC().Format(time.RFC3339)
	b.sheet(map[string]string{"from": from, "to": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	b.until("past times were submitted", `document.querySelectorAll('#place tr[data-outcome="fired"]').length === 3`)
	for _, width := range []int64{400, 1280} {
		b.do(chromedp.EmulateViewport(width, 900))
		b.cutsNothing(fmt.Sprintf("a schedule at %d", width))
		b.shootAs(fmt.Sprint("one-", width))
	}
	b.js(inPlace("Change") + `.click()`)
	b.until("the form has what is there", `document.querySelector('`+field("cron")+`')?.value === "30 2 * * *" && document.querySelector('`+field("name")+`').readOnly && document.querySelector('`+field("task/queue")+`').value === "night"`)
	typed("every_seconds", "90")
	b.until("one takes the place of the other", `document.querySelector('`+field("cron")+`').value === ""`)
	b.js(inPlace("Save changes") + `.click()`)
	b.until("it is changed", `location.hash === "#/schedules/nightly" && /every 90 seconds|every 1.5 minutes|90/.test(document.querySelector("#place .place-about").textContent)`)
	b.js(`location.hash = "#/schedules"`)
	item := `document.querySelector('#place tr[data-schedule="nightly"]')`
	b.until("the list has it", item+`?.matches("[data-paused]") && `+item+`.innerText.includes("holidays")`)
	if text := getText(t, server.url+"/api/schedules/nightly"); !strings.Contains(text, `"task_type":"SLEEP"`) || !strings.Contains(text, `"queue":"night"`) || !strings.Contains(text, `"seconds":0.25`) {
		t.Error("its task is another one now:", text)
	}
	sendJSON(t, "POST", server.url+"/api/schedules/nightly/resume", "")
	b.until("a change by others is pushed", `!`+item+`.matches("[data-paused]") && /^in /.test(`+item+`.querySelector('td[data-label="Next run"]').textContent)`)
	for _, width := range []int64{400, 1280} {
		b.do(chromedp.EmulateViewport(width, 900))
		b.cutsNothing(fmt.Sprintf("the schedules at %d", width))
		b.shootAs(fmt.Sprint("list-", width))
	}
	b.js(item + `.querySelector("a.place-name").click()`)
	b.until("it can be deleted", inPlace("Delete"))
	b.js(inPlace("Delete") + `.click()`)
	b.until("the page asks", `document.querySelector("#confirm[open]")`)
	b.js(`document.querySelector('#confirm button[value="yes"]').click()`)
	b.until("it is gone", `location.hash === "#/schedules" && !`+item)
	b.js(`location.hash = "#/schedules/nightly"`)
	b.until("its address says so", `document.querySelector("#place").innerText.includes("There is no schedule")`)
}

func TestPageNarrowsPendingTasksByWhatTheyWaitFor(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	sendJSON(t, "POST", server.url+"/api/queues/mail/pause", "{}")
	submit := func(queue string, in time.Duration) string {
		t.Helper()
		s := client.Submit{TaskType: "SLEEP", Queue: queue, Parameters: map[string]any{"seconds": 0}}
		if in > 0 {
			at := time.Now().Add(in)
			s.RunAt = &at
		}
		one, err := c.Submit(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return one.ID
	}
	later, blocked := submit("mail", 2*time.Hour), submit("mail", 0)
	soon := submit("default", time.Hour)
	b.until("the tabs are hidden", `document.querySelector("#waits").hidden`)
	b.js(`document.querySelector('#tabs [data-status="PENDING"]').click()`)
	tab := func(word string) string {
		return fmt.Sprintf(`[...document.querySelectorAll("#waits .tab")].find((a) => a.textContent.startsWith(%q))`, word)
	}
	shows := func(word, n string) string { return tab(word) + `.querySelector(".n").textContent === "` + n + `"` }
	b.until("the tabs say how many wait for what", shows("Scheduled", "2")+` && `+shows("Blocked", "1")+` && `+shows("Ready", "0"))
	b.shootAs("tabs")
	b.js(tab("Scheduled") + `.click()`)
	rows := `[...document.querySelectorAll("#rows tr.row")].map((r) => r.dataset.id).join()`
	b.until("the next one is first", `location.hash === "#/?status=PENDING&waiting=scheduled" && `+rows+` === "`+soon+`,`+later+`"`)
	first := submit("default", time.Minute)
	b.until("a new one takes its place", rows+` === "`+first+`,`+soon+`,`+later+`" && `+shows("Scheduled", "3"))
	sendJSON(t, "PATCH", server.url+"/api/tasks/"+later, `{"run_at":null}`)
	b.until("one that is due leaves for another list", rows+` === "`+first+`,`+soon+`" && `+shows("Blocked", "2"))
	b.js(tab("Blocked") + `.click()`)
	b.until("the blocked ones are listed", rows+` === "`+blocked+`,`+later+`"`)
	b.cutsNothing("pending tasks by what they wait for")
	sendJSON(t, "POST", server.url+"/api/queues/mail/resume", "")
	b.until("none is blocked any more", `document.querySelectorAll("#rows tr.row").length === 0 && `+shows("Blocked", "0"))
	b.js(`location.hash = "#/?status=PENDING&queue=mail"`)
	b.until("the tabs count under the other filters", shows("Scheduled", "0"))
	b.do(chromedp.EmulateViewport(400, 800))
	b.cutsNothing("the tabs on a phone")
	b.shootAs("phone")
}

func TestPageChangesAScheduleOfAWorkflow(t *testing.T) {
	b, server := openPage(t, 1280, 900)
	sendJSON(t, "POST", server.url+"/api/schedules", `{"name":"flows","cron":"@yearly","workflow":{"name":"two naps","tasks":{"nap":{"task_type":"SLEEP","parameters":{"seconds":0}}}}}`)
	b.js(`location.hash = "#/schedules"`)
	b.until("the list names it", `document.querySelector('#place tr[data-schedule="flows"]')?.innerText.includes("workflow two naps")`)
	b.js(`location.hash = "#/schedules/flows"`)
	b.until("it is shown", `document.querySelector("#place .place-task")?.innerText.includes("two naps") && document.querySelector("#place").innerText.includes("Its workflow")`)
	b.js(`location.hash = "#/schedules/flows/edit"`)
	text := `document.querySelector('#place [data-pointer="/workflow"] textarea')`
	b.until("the form has the workflow", `document.querySelector("#schedule-what")?.value === "workflow" && `+text+`.checkVisibility() && JSON.parse(`+text+`.value).tasks.nap.task_type === "SLEEP" && !document.querySelector("#schedule-type").checkVisibility()`)
	write := func(value string) {
		t.Helper()
		b.js(fmt.Sprintf(`%s.value = %q; %s.dispatchEvent(new Event("input", { bubbles: true }))`, text, value, text))
		b.js(inPlace("Save changes") + `.click()`)
	}
	wrong := func(what, want string) {
		t.Helper()
		b.until(what, fmt.Sprintf(`document.querySelector('#place [data-pointer="/workflow"] .field-error:not([hidden])')?.textContent.includes(%q)`, want))
	}
	write(`{"name":`)
	wrong("a text that is no JSON is refused", "no JSON")
	write(`{"name":"two naps","tasks":{"nap":{"task_type":"SLEEP"},"more":{"task_type":"NOTHING","depends_on":["nope"]}}}`)
	wrong("the server's errors are at the field, with their places", "At tasks/more/depends_on/0: must be")
	b.refused()
	b.everywhere("the form of a workflow", b.cutsNothing)
	b.do(chromedp.EmulateViewport(1280, 900))
	write(`{"name":"two naps","tasks":{"nap":{"task_type":"SLEEP","parameters":{"seconds":0}},"more":{"task_type":"SLEEP","parameters":{"seconds":0},"depends_on":["nap"],"tags":["12345678901234567890"],"priority":3}}}`)
	b.until("it is changed", `location.hash === "#/schedules/flows" && document.querySelector("#place .place-task")?.innerText.includes("more")`)
	b.js(inPlace("Run now") + `.click()`)
	b.until("its run leads to the workflow", `document.querySelector('#place tr[data-outcome="fired"]')?.textContent.includes("Success") && document.querySelector('#place tr[data-outcome="fired"] a').hash.startsWith("#/workflows/")`)
	b.everywhere("a schedule of a workflow", b.cutsNothing)
	b.js(`location.hash = "#/schedules"`)
	last := `document.querySelector('#place tr[data-schedule="flows"] td[data-label="Last run"] a')`
	b.until("the list leads to it too", last+`?.hash.startsWith("#/workflows/")`)
	b.everywhere("the list with a workflow", b.cutsNothing)
	b.js(last + `.click()`)
	b.until("it is open", `location.hash.startsWith("#/workflows/") && document.querySelector("#place h1")?.textContent.includes("two naps")`)
	// A schedule of a task can become one of a workflow.
	sendJSON(t, "POST", server.url+"/api/schedules", `{"name":"plain","cron":"@yearly","task":{"task_type":"SLEEP","queue":"q"}}`)
	b.js(`location.hash = "#/schedules/plain/edit"`)
	b.until("its task is in the form", `document.querySelector("#schedule-what")?.value === "task" && document.querySelector("#schedule-type").checkVisibility() && !`+text+`.checkVisibility()`)
	b.js(`const what = document.querySelector("#schedule-what"); what.value = "workflow"; what.dispatchEvent(new Event("change"))`)
	b.js(inPlace("Save changes") + `.click()`)
	b.until("it submits a workflow now", `location.hash === "#/schedules/plain" && document.querySelector("#place").innerText.includes("Its workflow")`)
}
