package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestPageChangesTheTasksThatAreSelected(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	sendJSON(t, "POST", server+"/api/queues/mail/pause", "")
	batch := `[`
	for i := range 30 {
		batch += fmt.Sprintf(`{"task_type":"SLEEP","queue":"mail","subject":"letter %d"},`, i)
	}
	sendJSON(t, "POST", server+"/api/tasks/batch", batch+`{"task_type":"SLEEP","queue":"mail","subject":"the last"}]`)
	rows := `document.querySelectorAll("#rows tr.row")`
	b.until("rows can be selected", rows+`.length > 10 && document.querySelectorAll("#rows .pick input").length === `+rows+`.length`)
	if eval[bool](b, `document.querySelector(".pick-bar").checkVisibility()`) {
		t.Error("nothing is selected, and there is a bar")
	}
	click := func(index int, shift bool) {
		t.Helper()
		b.js(fmt.Sprintf(`%s[%d].querySelector(".pick input").dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: %v }))`, rows, index, shift))
	}
	selected := func(want string) {
		t.Helper()
		b.until(want+" selected", fmt.Sprintf(`document.querySelector(".pick-bar .num").textContent === %q && document.querySelector("#rows [data-picked]")`, want+" selected")) // others may have left the document
	}
	click(2, false)
	selected("1")
	click(5, true)
	selected("4")
	click(3, false)
	selected("3")
	if hash := eval[string](b, "location.hash"); hash != "" && hash != "#/" {
		t.Error("a checkbox opens a task:", hash)
	}
	// By key: the row with focus, and a range from it.
	b.js(rows + `[7].focus()`)
	b.do(chromedp.KeyEvent(" "))
	selected("4")
	b.do(chromedp.KeyEvent("j"), chromedp.KeyEvent("j"))
	b.until("the focus has moved", `document.activeElement.ariaRowIndex === "11"`) // rows above may have left the document
	b.js(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: " ", shiftKey: true, bubbles: true, cancelable: true }))`)
	selected("6")
	b.until("readers are told", `document.querySelector("#say").textContent === "6 selected"`)
	b.everywhere("selected", b.cutsNothing)
	b.do(chromedp.EmulateViewport(1280, 800))
	b.js(`document.querySelector('.pick-bar [data-action="reprioritise"]').focus(); document.activeElement.click()`)
	b.until("the dialog is about them", `document.querySelector(".bulk-dialog")?.innerText.includes("6 tasks selected") && document.querySelector(".bulk-dialog [value=reprioritise]").checked && document.querySelector(".bulk-dialog .bulk-count").innerText === "0 of 6 tasks will be changed."`) // they have that priority
	b.js(`document.querySelector('.bulk-dialog [value="cancel"]').click()`)
	b.until("it can be sent", `document.querySelector(".bulk-dialog [type=submit]:not([disabled])")?.innerText === "Cancel 6 tasks"`)
	b.everywhere("the dialog of selected tasks", b.cutsNothing)
	b.js(`document.querySelector(".bulk-dialog form").requestSubmit()`)
	b.until("they are cancelled, and nothing is selected", `!document.querySelector("dialog[open]") && allToasts.at(-1)?.innerText.includes("Cancelled 6 tasks") && !document.querySelector(".pick-bar").checkVisibility() && !document.querySelector("#rows [data-picked]")`)
	b.until("the focus is in the list again", `document.activeElement.matches("#rows tr.row")`)
	b.until("six are cancelled", `document.querySelector('#tabs [data-status="CANCELLED"] .n').innerText === "6"`)
	b.js(`allToasts.at(-1).querySelector(".toast-action").click()`)
	b.until("it is undone", `allToasts.at(-1)?.innerText.includes("Undone: 6 tasks")`)
	click(0, false)
	selected("1")
	b.js(`document.querySelector(".pick-bar .quiet").click()`)
	b.until("all that match is another dialog", `document.querySelector(".bulk-dialog")?.innerText.includes("All tasks") && document.querySelector(".bulk-dialog .bulk-count").innerText === "31 tasks will be changed."`)
	b.js(`document.querySelector(".bulk-dialog").close(); document.querySelectorAll("#rows tr.row")[0].focus()`)
	b.do(chromedp.KeyEvent("\u001b"))
	b.until("Escape selects nothing", `!document.querySelector(".pick-bar").checkVisibility()`)
	click(0, false)
	selected("1")
	b.js(`location.hash = "#/?queue=other"`)
	b.until("another list selects nothing", `!document.querySelector(".pick-bar").checkVisibility()`)
	// Where nothing hovers, as in this browser, the checkboxes are always there.
	b.js(`location.hash = "#/"`)
	b.do(chromedp.EmulateViewport(390, 844))
	b.until("it is there by touch", rows+`.length > 3 && matchMedia("(hover: none)").matches && getComputedStyle(`+rows+`[3].querySelector(".pick")).opacity === "1"`)
	b.shootAs("touch")
	b.check()
}
