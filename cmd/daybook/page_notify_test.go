package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// asks submits a task that asks a person, and returns its id.
func asks(t *testing.T, server, title string) string {
	t.Helper()
	_, id, _ := strings.Cut(sendJSON(t, "POST", server+"/api/tasks/submit", `{"task_type":"refund","subject":"the task of `+title+`"}`), `{"id":"`)
	token, _ := leaseOne(t, server, "refund")
	sendJSON(t, "POST", server+"/api/leases/"+token+"/suspend", `{"step":"ask","approval":{"title":"`+title+`","fields":{"type":"object","required":["amount"],"properties":{"amount":{"type":"integer","minimum":1,"title":"Amount"}}}}}`)
	return id[:26]
}

func TestPageHasAnInboxOfApprovals(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	leaseOne(t, server, "refund") // makes the type known
	const badge = `document.querySelector('#places a[href="#/approvals"] .place-count')`
	b.until("nothing is counted", badge+`?.hidden === true`)
	asks(t, server, "First?")
	b.until("one is counted without a look", badge+`.textContent.trim() === "1" && `+badge+`.checkVisibility()`)
	b.click(`#places a[href="#/approvals"]`)
	const rows = `document.querySelectorAll("#place tbody tr")`
	b.until("it is in the inbox", `document.querySelector("#place h1")?.textContent === "Approvals" && `+rows+`.length === 1 && `+rows+`[0].innerText.includes("First?")`)
	asks(t, server, "Second?")
	third := asks(t, server, "Third, with a question that is long enough for two lines on the screen of a phone?")
	b.until("others are pushed, the oldest first", rows+`.length === 3 && `+rows+`[1].innerText.includes("Second?") && `+rows+`[1].innerText.includes("the task of Second?") && `+badge+`.textContent.trim() === "3"`)
	b.everywhere("approvals", func(when string) { b.fits(when); b.cutsNothing(when) })
	b.do(chromedp.EmulateViewport(1280, 800))

	b.do(chromedp.KeyEvent("j"))
	b.until("j goes to the first", `document.activeElement === `+rows+`[0]`)
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("k"), chromedp.KeyEvent("a"))
	b.until("a opens its form", `document.querySelector("dialog[open] h2")?.textContent === "First?"`)
	b.sheet(map[string]string{"answer/amount": "0"})
	b.until("an answer that does not fit is refused at its field", `document.querySelector('dialog[open] [data-pointer="/answer/amount"] .field-error:not([hidden])')?.textContent.includes("at least 1")`)
	b.refused()
	b.sheet(map[string]string{"answer/amount": "5", "reason": "within budget"})
	b.until("it is gone, and the next has the focus", `!document.querySelector("dialog[open]") && `+rows+`.length === 2 && document.activeElement === `+rows+`[0] && document.activeElement.innerText.includes("Second?")`)
	b.do(chromedp.KeyEvent("r"))
	b.until("r opens the other form", `document.querySelector("dialog[open] button[type=submit]")?.textContent === "Reject"`)
	b.sheet(map[string]string{"reason": "not again"})
	b.until("that is gone too", rows+`.length === 1 && `+badge+`.textContent.trim() === "1"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("enter opens the task", fmt.Sprintf(`location.hash === "#/tasks/%s" && document.querySelector("#detail .step-answers button")`, third))
	b.js("history.back()")
	b.until("back leads to the inbox", rows+`.length === 1`)
	sendJSON(t, "POST", server+"/api/tasks/"+third+"/approvals/ask", `{"approve":false}`)
	b.until("an answer of others is pushed", `document.querySelector("#place").innerText.includes("No task waits for a person") && `+badge+`.hidden`)
	b.check()
}

func TestPageShowsAlertsAndWebhooks(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	sendJSON(t, "POST", server+"/api/queues/stuck/pause", "{}")
	b.click(`#places a[href="#/alerts"]`)
	b.until("the alerts are open", `document.querySelector("#place").innerText.includes("There is no alert.") && document.querySelector("#place").innerText.includes("There is no webhook.")`)
	b.js(`document.querySelector("#place .place-tools button").click()`)
	b.sheet(map[string]string{"name": "deep", "when": "failure_rate", "above": "0.5", "for_seconds": "0", "queue": "stuck"})
	b.until("what does not go together is refused at its field", `document.querySelector('.sheet-form [data-pointer="/queue"] .field-error:not([hidden])')?.textContent.includes("oes not go with failure_rate")`)
	b.refused()
	b.everywhere("alert-form", b.cutsNothing)
	b.sheet(map[string]string{"when": "queue_depth", "above": "1"})
	const alert = `document.querySelector('#place tr[data-alert="deep"]')`
	b.until("the alert is there", alert+`?.innerText.replace(/[\u2066-\u2069]/g, "").includes("More than 1 task is pending in the queue stuck") && `+alert+`.innerText.includes("OK")`)
	for range 2 {
		sendJSON(t, "POST", server+"/api/tasks/submit", `{"task_type":"SLEEP","queue":"stuck","parameters":{"seconds":0}}`)
	}
	const badge = `document.querySelector('#places a[href="#/alerts"] .place-count')`
	b.until("it fires, which the navigation counts", alert+`.innerText.includes("Fires") && `+badge+`.textContent.trim() === "1" && `+badge+`.checkVisibility()`)

	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	defer receiver.Close()
	b.js(`document.querySelector("#place .place-section .place-tools button").click()`)
	b.sheet(map[string]string{"name": "pager", "url": strings.Replace(receiver.URL, "127.0.0.1", "localhost", 1) + "/hook", "events": "alert.fired, task.exploded"})
	b.until("an event that is not known is refused", `document.querySelector('.sheet-form').innerText.includes("is not a type of event")`)
	b.refused()
	b.sheet(map[string]string{"events": "alert.fired alert.recovered", "queue": "stuck"})
	const hook = `document.querySelector('#place tr[data-webhook="pager"]')`
	b.until("the webhook is there, and its secret is shown", hook+`?.innerText.includes("alert.fired, alert.recovered") && document.querySelector(".place-secret code").textContent.startsWith("whsec_") && document.querySelector(".place-secret").checkVisibility()`)
	b.js(hook + `.querySelector(".c-act button").click()`)
	b.until("a test says why it did not arrive", `allToasts.some((e) => e.textContent.includes("is not on the public internet"))`)
	b.everywhere("alerts", func(when string) { b.fits(when); b.cutsNothing(when) })
	b.do(chromedp.EmulateViewport(1280, 800))
	sendJSON(t, "POST", server+"/api/queues/stuck/resume", "{}")
	b.until("it recovers, and its delivery fails", alert+`.innerText.includes("recovered") && `+badge+`.hidden && `+hook+`.innerText.includes("Fails") && `+hook+`.innerText.includes("0 of 1 delivered")`)
	b.js(hook + `.querySelector("a.to-task").click()`)
	b.until("its deliveries are listed", `location.hash === "#/?tag=webhook%3Apager" && document.querySelectorAll("#rows tr.row").length === 1`)
	b.js("history.back()")
	b.until("the secret is shown no more", hook+` && !document.querySelector(".place-secret code").textContent`)
	for _, row := range []string{alert, hook} {
		b.js(`[...` + row + `.querySelectorAll(".c-act button")].at(-1).click()`)
		b.until("it is asked", `document.querySelector("#confirm[open]")`)
		b.js(`document.querySelector('#confirm button[value="yes"]').click()`)
		b.until("it is gone", `!`+row)
	}
	b.check()
}
