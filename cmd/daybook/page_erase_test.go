package main

import (
	"fmt"
	"testing"

	"daybook/client"

	"github.com/chromedp/chromedp"
)

func TestPageErasesTheTasksOfAListAndSaysSoOfEach(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	c := connect(t, process)
	task, err := c.SubmitAndWait(t.Context(), client.Submit{TaskType: "SLEEP", Queue: "mail", Parameters: map[string]any{"seconds": 0, "result": "letter to Ada"}})
	if err != nil {
		t.Fatal(err)
	}
	sendJSON(t, "POST", server+"/api/tasks/submit", `{"task_type":"SLEEP","queue":"mail","delay_seconds":3600}`)
	b.js(`location.hash = "#/?queue=mail"`)
	b.until("the list has them", `document.body.innerText.includes("2 matches") && document.querySelector(".change-all:not([hidden])")`)
	b.do(chromedp.KeyEvent("b"))
	b.until("the dialog is open", `document.querySelector('.bulk-dialog [value="erase"]')`)
	b.js(`document.querySelector('.bulk-dialog [value="erase"]').click()`)
	b.until("it warns", `document.querySelector(".bulk-dialog").innerText.includes("This cannot be undone.") && document.querySelector(".bulk-dialog").innerText.includes("1 of 2 tasks will be changed.") && document.querySelector(".bulk-dialog").innerText.includes("1 not ended")`)
	b.everywhere("the warning", b.cutsNothing)
	b.js(`document.querySelector(".bulk-dialog form").requestSubmit()`)
	b.until("it needs a reason", `document.querySelector(".bulk-dialog .field-error:not([hidden])")?.textContent.includes("reason must be given")`)
	b.refused()
	b.js(`document.querySelector("#bulk-reason").value = "asked for"; document.querySelector('.bulk-dialog [value="erase"]').click(); document.querySelector('.bulk-dialog [value="erase"]').dispatchEvent(new Event("change"))`)
	b.until("it can be sent", `document.querySelector(".bulk-dialog [type=submit]:not([disabled])")?.innerText === "Erase 1 task"`)
	b.js(`document.querySelector(".bulk-dialog form").requestSubmit()`)
	b.until("it is erased", `!document.querySelector("dialog[open]") && allToasts.at(-1)?.innerText.includes("Erased 1 task") && !allToasts.at(-1)?.querySelector(".toast-action")`)
	b.open(task.ID)
	b.until("the task says so", `/Erased on [^]*: .?asked for/.test(document.querySelector("#detail").innerText) && document.querySelector("#detail .detail-head").innerText.includes("Erased")`)
	b.until("no text is left", fmt.Sprintf(`!document.body.innerText.includes(%q)`, "letter to Ada"))
	b.everywhere("the erased task", b.cutsNothing)
	b.check()
}
