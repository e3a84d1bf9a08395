package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// manyDue submits tasks that are due in an hour.
func manyDue(t *testing.T, server string, thousands int) {
	t.Helper()
	one := `{"task_type":"SLEEP","queue":"mail","delay_seconds":3600}`
	for range thousands {
		sendJSON(t, "POST", server+"/api/tasks/batch", "["+strings.Repeat(one+",", 999)+one+"]")
	}
}

func TestPageListsBulksThatRunAndThoseThatHaveEnded(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	b.js(`location.hash = "#/bulks"`)
	b.until("it says how to start one", `document.querySelector("#place").innerText.includes("No bulk was started yet")`)
	b.everywhere("no bulks", b.cutsNothing)
	sendJSON(t, "POST", server+"/api/tasks/batch", `[{"task_type":"SLEEP","queue":"few","delay_seconds":3600},{"task_type":"SLEEP","queue":"few","delay_seconds":3600}]`)
	sendJSON(t, "POST", server+"/api/tasks/bulk", `{"action":"reprioritise","priority":-7,"filter":{"queue":"few","status":"PENDING"},"reason":"others come first"}`)
	first := `document.querySelector("#place tr[data-bulk]")`
	b.until("one that others have started is pushed", first+`?.innerText.includes("Set priority to −7") && /Pending, queue .few/.test(`+first+`.innerText) && /Reason: .others come first/.test(`+first+`.innerText) && `+first+`.innerText.includes("2 tasks changed")`)
	b.js(first + `.querySelector("button").click()`)
	b.until("an undo is asked about", `document.querySelector("#confirm[open]")?.innerText.includes("2 tasks go back")`)
	b.js(`document.querySelector("#confirm [value=yes]").click()`)
	b.until("the undo is listed, and what it has undone", `document.querySelectorAll("#place tr[data-bulk]").length === 2 && `+first+`.innerText.includes("What another bulk has changed") && document.querySelector("#place tr[data-bulk]:last-child").innerText.includes("Undone")`)
	b.everywhere("bulks that have ended", b.cutsNothing)

	// It is seen while it runs, after a reload too, and can be stopped.
	manyDue(t, server, 60) // it must not end before it is stopped, so the server stands still while the page is looked at
	still := func(look func()) {
		t.Helper()
		if err := process.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		look()
		if err := process.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	b.js(`location.hash = "#/"`)
	b.js(`fetch("api/tasks/bulk", { method: "POST", headers: { "Content-Type": "application/json", Prefer: "wait=0" }, body: JSON.stringify({ action: "reprioritise", priority: 3, filter: { queue: "mail" } }) })`)
	strip := `document.querySelector(".bulk-strip:not([hidden])")`
	b.until("it is below the list", strip+`?.innerText.includes("Set priority to 3") && /of 60,000 tasks/.test(`+strip+`.innerText)`)
	still(func() {
		b.everywhere("a bulk that runs", b.cutsNothing)
		for _, width := range []int64{320, 768, 1024, 1440, 1280} { // there is one place more in the header
			b.do(chromedp.EmulateViewport(width, 800))
			b.frames(3)
			b.cutsNothing(fmt.Sprintf("the header with bulks at %d", width))
		}
	})
	b.do(chromedp.Reload())
	b.until("it is there after a reload", strip+`?.innerText.includes("of 60,000 tasks") && document.querySelector("#places a[href='#/bulks']").innerText.includes("1")`)
	still(func() { b.cutsNothing("a bulk that runs") })
	b.js(strip + `.querySelector("button.operator").click()`)
	b.until("its end is told", `!`+strip+` && /Stopped. Priority set: .* tasks/.test(allToasts.at(-1)?.innerText) && allToasts.at(-1)?.querySelector(".toast-action")`)
	b.until("nothing runs", `!document.querySelector("#places a[href='#/bulks']").checkVisibility()`)
	b.do(chromedp.KeyEvent("b"))
	b.until("the dialog leads to them", `document.querySelector(".bulk-dialog .bulk-earlier")`)
	b.js(`document.querySelector(".bulk-earlier").click()`)
	b.until("it is listed as stopped", `!document.querySelector("dialog[open]") && document.querySelectorAll("#place tr[data-bulk]").length === 3 && `+first+`.dataset.status === "STOPPED" && /Stopped by .anonymous./.test(`+first+`.innerText)`)
	b.everywhere("bulks", b.cutsNothing)
	sendJSON(t, "POST", fmt.Sprintf("%s/api/bulks/%s/undo", server, eval[string](b, first+`.dataset.bulk`)), "")
	b.until("an undo by others is pushed", `document.querySelectorAll("#place tr[data-bulk]").length === 4`)
	b.check()
}
