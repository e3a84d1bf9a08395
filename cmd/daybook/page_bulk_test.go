package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestPageChangesAllTasksOfAListAndUndoesIt(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	sendJSON(t, "POST", server+"/api/queues/mail/pause", "")
	batch := `[`
	for i := range 30 {
		batch += fmt.Sprintf(`{"task_type":"SLEEP","queue":"mail","subject":"letter %d"},`, i)
	}
	sendJSON(t, "POST", server+"/api/tasks/batch", batch+`{"task_type":"SLEEP","queue":"other","delay_seconds":3600}]`)
	b.js(`location.hash = "#/?queue=mail"`)
	b.until("the list has them", `document.body.innerText.includes("30 matches") && document.querySelector(".change-all:not([hidden])")`)
	b.do(chromedp.KeyEvent("b"))
	b.until("the preview says how many", `document.querySelector(".bulk-dialog .bulk-count")?.innerText === "30 tasks will be changed." && document.querySelectorAll(".bulk-sample li").length === 6`)
	b.everywhere("the preview", b.cutsNothing)
	b.js(`document.querySelector('.bulk-dialog [value="retry"]').click()`)
	b.until("none can be retried", `document.querySelector(".bulk-dialog").innerText.includes("0 of 30 tasks will be changed.") && document.querySelector(".bulk-dialog").innerText.includes("30 not ended") && document.querySelector(".bulk-dialog [type=submit]").disabled`)
	b.js(`document.querySelector('.bulk-dialog [value="reprioritise"]').click(); document.querySelector("#bulk-priority").value = "200"; document.querySelector("#bulk-priority").dispatchEvent(new Event("input"))`)
	b.until("a wrong priority is refused", `document.querySelector(".bulk-dialog .field-error:not([hidden])")?.textContent.includes("between -100 and 100")`)
	b.refused()
	b.js(`document.querySelector('.bulk-dialog [value="cancel"]').click(); document.querySelector("#bulk-reason").value = "wrong input"`)
	b.until("it can be sent", `document.querySelector(".bulk-dialog [type=submit]:not([disabled])")?.innerText === "Cancel 30 tasks"`)
	sendJSON(t, "POST", server+"/api/tasks/submit", `{"task_type":"SLEEP","queue":"mail"}`)
	b.js(`document.querySelector(".bulk-dialog form").requestSubmit()`)
	b.until("it has to be looked at again", `document.querySelector(".bulk-dialog .field-error:not([hidden])")?.textContent.includes("31 tasks now") && document.querySelector(".bulk-dialog [type=submit]:not([disabled])")?.innerText === "Cancel 31 tasks"`)
	b.refused()
	b.js(`document.querySelector(".bulk-dialog form").requestSubmit()`)
	b.until("all are cancelled", `!document.querySelector("dialog[open]") && allToasts.at(-1)?.innerText.includes("Cancelled 31 tasks") && document.querySelector('#tabs [data-status="CANCELLED"] .n').innerText === "31"`)
	b.js(`allToasts.at(-1).querySelector(".toast-action").click()`)
	b.until("it is undone", `allToasts.at(-1)?.innerText.includes("Undone: 31 tasks") && document.querySelector('#tabs [data-status="PENDING"] .n').innerText === "31"`)
	b.check()
}
