package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// held pauses a queue and submits a task there, which waits.
func held(t *testing.T, url, subject string) string {
	t.Helper()
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(sendJSON(t, "POST", url+"/api/tasks/submit", fmt.Sprintf(`{"task_type":"SLEEP","queue":"mail","subject":%q}`, subject))), &made); err != nil || made.ID == "" {
		t.Fatal(made, err)
	}
	return made.ID
}

// headOf is the last event of a server's log.
func headOf(t *testing.T, url string) int {
	t.Helper()
	var stats struct{ Seq int }
	if err := json.Unmarshal([]byte(getText(t, url+"/api/stats")), &stats); err != nil || stats.Seq == 0 {
		t.Fatal(stats, err)
	}
	return stats.Seq
}

// lists is an expression: the list has these tasks, in this order, and no others.
func lists(ids ...string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#rows tr.row")].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map((r) => r.dataset.id).join() === %q`, strings.Join(ids, ","))
}

// offered is what of the list would change a task, and can be seen.
const offered = `[...document.querySelectorAll("#new-task, .change-all, .row-action, .pick, .pick-bar, .detail-actions .button")].filter((e) => e.checkVisibility()).map((e) => e.id || e.className).join()`

func TestPageShowsTheQueueAsItWas(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	sendJSON(t, "POST", server+"/api/queues/mail/pause", "")
	first, second := held(t, server, "letter one"), held(t, server, "letter two")
	then := headOf(t, server)
	sendJSON(t, "DELETE", server+"/api/tasks/"+first, "")
	third := held(t, server, "letter three")
	b.until("all are there now", lists(third, second, first)+` && `+row(first)+`.dataset.status === "CANCELLED"`)
	b.until("rows can be selected", row(third)+`.querySelector(".pick")`)
	b.until("actions are offered now", offered+`.includes("row-action") && `+offered+`.includes("new-task") && `+offered+`.includes("change-all")`)

	// The form, by key alone.
	b.js(`document.querySelector("#as-it-was").focus()`)
	b.do(chromedp.KeyEvent("\r"))
	b.until("it asks when", `document.querySelector(".past-dialog[open] input[name=date]")?.value.length === 10`)
	b.everywhere("the form", b.cutsNothing)
	b.js(`document.querySelector(".past-dialog input[name=event]").focus()`)
	b.do(chromedp.KeyEvent("987654321\r"))
	b.until("there is no such event", `document.activeElement.name === "event" && document.activeElement.ariaInvalid === "true" && /no such event yet/.test(document.querySelector("#past-event-error").innerText)`)
	b.js(`document.activeElement.select()`)
	b.do(chromedp.KeyEvent(fmt.Sprintf("%d\r", then)))
	b.until("the list is that of then", lists(second, first)+` && `+row(first)+`.dataset.status === "PENDING" && !document.querySelector("dialog[open]")`)
	if hash := eval[string](b, `location.hash`); hash != fmt.Sprintf("#/tasks?at=%d", then) {
		t.Error(hash)
	}
	b.until("it says when", fmt.Sprintf(`/^The queue as it was on \d+ \w+ \d{4}, \d\d:\d\d:\d\d \(event %d\)$/.test(document.querySelector(".past [role=status]").innerText)`, then))
	b.until("the counts are those of then", `document.querySelector("#tabs a").innerText.match(/\d+/)[0] === "2" && document.querySelector('#tabs [data-status="CANCELLED"] .n').innerText === "0"`)
	b.everywhere("the past", b.cutsNothing)
	b.do(chromedp.EmulateViewport(1280, 800))
	b.until("the list is drawn", lists(second, first))
	if words := eval[string](b, offered); words != "" {
		t.Errorf("the past offers %s", words)
	}

	// What happens now changes nothing, and nothing is fetched.
	requests := b.since()
	sendJSON(t, "DELETE", server+"/api/tasks/"+second, "")
	held(t, server, "letter four")
	b.until("the page has heard of it", fmt.Sprintf(`Number(document.documentElement.dataset.seq) >= %d`, headOf(t, server)))
	b.frames(3)
	if !b.holds(lists(second, first) + ` && ` + row(second) + `.dataset.status === "PENDING" && document.querySelector("#chip-new").hidden`) {
		t.Error("the list of then changes")
	}
	for _, request := range requests() {
		if strings.Contains(request, "/api/tasks") || strings.Contains(request, "/api/stats") {
			t.Error("the past is asked for again:", request)
		}
	}

	// No key acts on a row of the past.
	b.js(row(first) + `.focus()`)
	for _, key := range []string{"c", "r", " ", "b", "n"} {
		b.do(chromedp.KeyEvent(key))
	}
	b.until("it says why", `allToasts.some((toast) => toast.innerText.includes("This is the past"))`)
	if b.holds(`document.querySelector("dialog[open], #rows [data-picked]")`) {
		t.Error("a key acts in the past")
	}

	// A task as it was.
	b.js(row(first) + `.querySelector("a").click()`)
	b.until("the task is as it was", `document.querySelector("#detail .status")?.innerText.trim() === "Pending" && document.querySelectorAll("#detail .entry").length === 1 && /^As it was on/.test(document.querySelector("#detail .past-note").innerText)`)
	if words := eval[string](b, offered); words != "" {
		t.Errorf("a task of the past offers %s", words)
	}
	if href := eval[string](b, `document.querySelector("#detail .link-out").getAttribute("href")`); href != fmt.Sprintf("api/tasks/%s?at=%d", first, then) {
		t.Error(href)
	}
	b.everywhere("a task of then", b.cutsNothing)
	b.do(chromedp.EmulateViewport(1280, 800))

	// The filters of then.
	b.click(`#tabs [data-status="CANCELLED"]`)
	b.until("none was cancelled then", `document.querySelector("#empty:not([hidden])")?.innerText.includes("No task matched these filters then")`)
	b.js(`history.back()`)
	b.until("Back leads to the list before", lists(second, first))

	b.js(`document.querySelector(".past > .primary").focus()`)
	b.do(chromedp.KeyEvent("\r"))
	b.until("it is now again", `!location.hash.includes("at=") && document.querySelector(".past").hidden && `+row(second)+`?.dataset.status === "CANCELLED"`)
	b.until("the focus is at the button that leads there", `document.activeElement.id === "as-it-was"`)
	b.until("the task is that of now", `document.querySelectorAll("#detail .entry").length === 2 && !document.querySelector("#detail .past-note").checkVisibility()`)
	b.until("actions are offered", offered+`.includes("row-action") && `+offered+`.includes("new-task")`)
	b.until("its counts are of now", `document.querySelector('#tabs [data-status="CANCELLED"] .n').innerText === "2"`)
	b.js(`history.back()`)
	b.until("Back leads to the past", lists(second, first)+` && `+row(first)+`.dataset.status === "PENDING"`)

	// From an event of a task to the queue at that event.
	b.js(`document.querySelector("#detail .past-note button").click()`)
	b.until("the history is whole", `document.querySelectorAll("#detail .entry-seq").length === 2`)
	b.js(`document.querySelector("#detail .entry-seq").click()`)
	b.until("only that task was there", lists(first)+` && document.querySelector("#detail").hidden && location.hash.startsWith("#/tasks?at=")`)
	b.check()
}

func TestPageGoesToEarlierAndLaterMoments(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	sendJSON(t, "POST", process.url+"/api/queues/mail/pause", "")
	id := held(t, process.url, "a letter")
	b.until("it is there", lists(id))
	at := time.Now().UTC().Add(-30 * time.Second).Truncate(time.Second)
	hash := func(ago time.Duration) string {
		return fmt.Sprintf(`new URLSearchParams(location.hash.split("?")[1]).get("at") === %q`, at.Add(-ago).Format(time.RFC3339))
	}
	b.js(fmt.Sprintf(`location.hash = "#/tasks?at=%s"`, at.Format(time.RFC3339)))
	b.until("there was no task", `document.querySelector("#empty:not([hidden])")?.innerText.includes("At that moment the queue had no tasks") && document.querySelector(".past [role=status]").innerText.includes("(before the first event)")`)
	b.click(`.past [aria-label="10 minutes earlier"]`)
	b.until("it is earlier", hash(10*time.Minute))
	b.click(`.past [aria-label="1 minute later"]`)
	b.until("it is later", hash(9*time.Minute))
	if on := eval[string](b, `document.activeElement.ariaLabel`); on != "1 minute later" {
		t.Errorf("the focus has left the step: %s", on)
	}
	b.click(`.past [aria-label="10 minutes later"]`)
	b.until("there is nothing later than now", lists(id)+` && !location.hash.includes("at=")`)
	b.click(`#as-it-was`)
	b.click(`.past-dialog .past-quick button:nth-child(2)`)
	b.until("it is an hour ago", `Math.abs(Date.now() - 3600_000 - Date.parse(new URLSearchParams(location.hash.split("?")[1]).get("at"))) < 600_000`)

	b.js(`location.hash = "#/tasks?at=987654321"`)
	b.until("that is still to come", `document.querySelector("#empty:not([hidden])")?.innerText.includes("There is no such event yet")`)
	b.js(`location.hash = "#/tasks?at=yesterday"`)
	b.until("that is no moment", `document.querySelector("#empty:not([hidden])")?.innerText.includes("There is no moment")`)
	b.js(fmt.Sprintf(`location.hash = "#/tasks/%s?at=1"`, id))
	b.until("there was no such task", `document.querySelector("#detail h2")?.innerText === "No such task then"`)
	b.js(`[...document.querySelectorAll("#detail button")].find((e) => e.innerText === "Show it now").click()`)
	b.until("it is shown as it is", fmt.Sprintf(`document.querySelector("#detail code")?.innerText === %q && %s`, id, lists(id)))
	b.refused() // 400 and 404 of these moments
}

// foldsSlowly makes the server seem to compute a moment until the page calls finish().
const foldsSlowly = `{
	const asked = window.fetch;
	let folding = true;
	window.finish = () => (folding = false);
	window.fetch = (path, init) => folding && String(path).includes("at=")
		? Promise.resolve(new Response(JSON.stringify({ type: "/docs#past-folding", title: "Service Unavailable", status: 503, detail: "The queue of that moment is being computed from the log. 42 % is done." }), { status: 503, headers: { "Retry-After": "1" } }))
		: asked(path, init);
}`

func TestPageSaysHowMuchOfAMomentIsComputed(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	sendJSON(t, "POST", process.url+"/api/queues/mail/pause", "")
	id := held(t, process.url, "a letter")
	at := headOf(t, process.url)
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: foldsSlowly})
	b.do(chromedp.Navigate(fmt.Sprintf("%s/?again#/tasks/%s?at=%d", process.url, id, at)))
	b.until("it says how far it is", fmt.Sprintf(`document.querySelector(".past").innerText.includes("Computing the queue as it was at event %d") && document.querySelector(".past-percent").innerText === "42 %%" && document.querySelector(".past progress").value === 42`, at))
	b.until("the page is live all the same", `document.documentElement.dataset.live === "live"`)
	b.everywhere("computing", b.cutsNothing)
	b.do(chromedp.EmulateViewport(1280, 800))
	b.js(`finish()`)
	b.until("it is there", lists(id)+` && document.querySelector(".past-work").hidden && document.querySelector("#detail .entry")`)
}
