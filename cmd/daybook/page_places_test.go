package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/client"

	"github.com/chromedp/chromedp"
)

// sendJSON calls the server and returns its answer, which must be a good one.
func sendJSON(t *testing.T, method, url, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatal(res.Status, string(text), err)
	}
	return string(text)
}

// sheet fills in the fields of the small form that is open, and sends it. What the one before has changed may be pushed before its answer has
// closed it: it is waited for.
func (b *tab) sheet(values map[string]string) {
	b.t.Helper()
	b.until("the form is open", `document.querySelectorAll(".sheet-form").length === 1 && document.querySelector(".sheet-form[open] [type=submit]:not([disabled])")`)
	for name, value := range values {
		b.js(fmt.Sprintf(`document.querySelector('.sheet-form [name=%q]').value = %q`, name, value))
	}
	b.js(`document.querySelector(".sheet-form form").requestSubmit()`)
}

// refused drops what the console has about a call that the server was meant to refuse.
func (b *tab) refused() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = slices.DeleteFunc(b.problems, func(p string) bool {
		return strings.Contains(p, "a status of 400") || strings.Contains(p, "a status of 404") || strings.Contains(p, "a status of 409") || strings.Contains(p, "a status of 503")
	})
}

// current is the link of the navigation that is marked as current.
const current = `document.querySelector('#places [aria-current="page"]')?.textContent`

func TestPageShowsQueuesAndTheirLimits(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	b.until("the tasks are the current place", current+` === "Tasks"`)
	b.click(`#places a[href="#/queues"]`)
	b.until("the queues are open", `location.hash === "#/queues" && document.querySelector("#place h1")?.textContent === "Queues" && document.title === "Queues · Daybook"`)
	b.until("their place is marked", current+` === "Queues"`)
	b.until("there is none", `document.querySelector("#place").innerText.includes("No queue has open tasks or limits")`)
	waits := client.Submit{TaskType: "SLEEP", Queue: "mail", Parameters: map[string]any{"seconds": 3600}}
	c := connect(t, server)
	if _, err := c.Submit(t.Context(), waits); err != nil {
		t.Fatal(err)
	}
	mail := `document.querySelector('#place tr[data-queue="mail"]')`
	running := mail + `.querySelector('td[data-label="Running"]').textContent`
	b.until("a new queue is pushed", running+` === "1"`)
	b.js(mail + `.querySelector(".c-act button").click()`)
	b.sheet(map[string]string{"reason": "the provider is down"})
	b.until("it says who paused it and why", mail+`.matches("[data-paused]") && /Paused .* by .anonymous.: .the provider is down/.test(`+mail+`.innerText)`)
	for range 2 {
		if _, err := c.Submit(t.Context(), waits); err != nil {
			t.Fatal(err)
		}
	}
	b.until("two are due, and wait", mail+`.querySelector('td[data-label="Due"]').textContent === "2" && `+mail+`.querySelector('td[data-label="Oldest due"]').textContent !== "–"`)
	b.js(mail + `.querySelector(".c-limits button").click()`)
	b.sheet(map[string]string{"concurrency": "0", "burst": "5"})
	b.until("the server's error is at its field", `document.querySelector('.sheet-form [data-pointer="/concurrency"] .field-error:not([hidden])')?.textContent`)
	b.refused()
	b.cutsNothing("an error of a limit")
	b.sheet(map[string]string{"concurrency": "2", "rate_per_second": "100"})
	b.until("the limits are shown", mail+`.querySelector(".c-limits").textContent.includes("2 at a time · 100 a second, bursts of 5")`)
	b.js(mail + `.querySelector(".c-limits button").click()`)
	for _, width := range []int64{390, 1280} {
		b.do(chromedp.EmulateViewport(width, 844))
		b.cutsNothing(fmt.Sprintf("the form of limits at %d", width))
		b.shootAs(fmt.Sprintf("limits-%d", width))
	}
	b.js(`document.querySelector(".sheet-form [name=fair_keys]").click()`)
	b.sheet(map[string]string{"key_rate_per_second": "2", "key_burst": "4", "weight": "200"})
	b.until("the limits of a key are shown", mail+`.querySelector(".c-limits").textContent.includes("2 a second of a key, bursts of 4 · keys take turns · weight 200")`)
	for _, width := range []int64{400, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		b.cutsNothing(fmt.Sprintf("the queues at %d", width))
		b.shootAs(fmt.Sprint(width))
	}
	b.js(mail + `.querySelector(".c-act button").click()`)
	b.until("it goes on as far as its limit", running+` === "2" && !`+mail+`.matches("[data-paused]")`)
	sendJSON(t, "POST", server.url+"/api/queues/mail/pause", "{}")
	b.until("a pause by others is pushed", mail+`.matches("[data-paused]")`)
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("2"))
	if hash := eval[string](b, "location.hash"); hash != "#/queues" {
		t.Error("keys of the list lead away from the queues:", hash)
	}
	b.do(chromedp.Reload())
	b.until("a reload stays there", mail+` && `+current+` === "Queues"`)
	b.js(`location.hash = "#/cluster"`)
	b.until("a server that is alone has no cluster", `document.querySelector("#place").innerText.includes("belongs to no cluster") && !document.querySelector('#places a[href="#/cluster"]').checkVisibility()`)
	b.js("history.back()")
	b.until("back leads to the queues", mail)
	b.js(mail + `.querySelector("a.place-name").click()`)
	b.until("its tasks are listed", `location.hash === "#/?queue=mail" && document.querySelectorAll("#rows tr.row").length === 3`)
	b.js("history.back()")
	b.until("back leads to the queues", mail)
	b.js(`document.querySelector("#places a").click()`)
	b.until("the way to the tasks leads to the same list", `location.hash === "#/?queue=mail" && document.querySelector("#place").hidden`)
}

func TestPageShowsWorkersAndWhatTheyHold(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	b.js(`location.hash = "#/workers"`)
	b.until("it says how to start one", `document.querySelector("#place .place-none:not([hidden])")?.innerText.includes("`+server.url+`/api/leases")`)
	b.cutsNothing("without workers")
	const ask = `{"worker":"resizer-1@host","build":"2.4.1","task_types":["resize"],"max":1,"wait_seconds":0,"lease_seconds":600}`
	sendJSON(t, "POST", server.url+"/api/leases", ask)
	task, err := connect(t, server).Submit(t.Context(), client.Submit{TaskType: "resize"})
	if err != nil {
		t.Fatal(err)
	}
	sendJSON(t, "POST", server.url+"/api/leases", ask)
	worker := `document.querySelector('#place tr[data-worker="resizer-1@host"]')`
	b.until("the worker is there with what it holds", worker+`.innerText.includes("2.4.1") && `+worker+`.querySelector('.place-holds a[href="#/tasks/`+task.ID+`"]') && /for \d+ (min|s)/.test(`+worker+`.querySelector(".place-holds").textContent)`)
	b.js(worker + `.querySelector(".c-act button").click()`)
	b.until("it is quiet", worker+`.querySelector(".tag").checkVisibility() && `+worker+`.querySelector(".c-act button").textContent === "Resume"`)
	if text := getText(t, server.url+"/api/workers"); !strings.Contains(text, `"quiet":true`) {
		t.Error(text)
	}
	for _, width := range []int64{400, 1280} {
		b.do(chromedp.EmulateViewport(width, 800))
		b.cutsNothing(fmt.Sprintf("the workers at %d", width))
		b.shootAs(fmt.Sprint(width))
	}
	b.js(`document.querySelector('#place .place-holds a').click()`)
	b.until("the task is open", fmt.Sprintf(`document.querySelector("#detail:not([hidden]) code")?.textContent === %q`, task.ID))
	later := b.since()
	b.frames(3)
	for _, request := range later() {
		if strings.Contains(request, "/api/workers") {
			t.Error("the workers are fetched while they are not shown")
		}
	}
}

func TestPageMovesAPendingTaskInItsLine(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	later := time.Now().Add(time.Hour)
	task, err := connect(t, server).Submit(t.Context(), client.Submit{TaskType: "SLEEP", RunAt: &later, Parameters: map[string]any{"seconds": 3600}})
	if err != nil {
		t.Fatal(err)
	}
	b.js(`location.hash = "#/tasks/` + task.ID + `"`)
	b.until("the priority can be changed", action("Priority"))
	b.js(action("Priority") + `.click()`)
	b.sheet(map[string]string{"priority": "1000"})
	b.until("the server's error is at the field", `document.querySelector('.sheet-form [data-pointer="/priority"] .field-error:not([hidden])')?.textContent.includes("100")`)
	b.refused()
	b.sheet(map[string]string{"priority": "7"})
	b.until("it is changed", `!document.querySelector(".sheet-form") && [...document.querySelectorAll("#detail .facts div")].some((e) => e.textContent === "Priority7")`)
	b.cutsNothing("a task that can be moved")
	b.shoot()
	b.js(action("Run now") + `.click()`)
	b.untilStatus(task.ID, "RUNNING")
	b.until("it cannot be moved any more", `!`+action("Run now")+` && !`+action("Priority"))
}
