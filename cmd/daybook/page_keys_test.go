package main

import (
	"fmt"
	"testing"

	"daybook/client"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keyboard is the only hand on a page, and counts.
type keyboard struct {
	*tab
	presses int
	before  int
}

// press presses keys, one for each character.
func (k *keyboard) press(keys string, options ...chromedp.KeyOption) {
	k.t.Helper()
	k.presses += len([]rune(keys))
	k.do(chromedp.KeyEvent(keys, options...))
}

// job ends one job, which may take so many presses.
func (k *keyboard) job(what string, most int) {
	k.t.Helper()
	took := k.presses - k.before
	k.before = k.presses
	k.t.Logf("%s: %d presses", what, took)
	if took > most {
		k.t.Errorf("%s took %d presses, want at most %d", what, took, most)
	}
}

// onRow waits until focus is on a row for which the expression of row is true, and returns its task.
func (k *keyboard) onRow(what, expression string) string {
	k.t.Helper()
	k.until("focus is on "+what, fmt.Sprintf(`((row) => row && document.activeElement === row && (%s))(document.activeElement.closest("#rows tr.row"))`, expression))
	return eval[string](k.tab, `document.activeElement.dataset.id`)
}

// inPanel waits until focus is in the panel, with that task.
func (k *keyboard) inPanel(id string) {
	k.t.Helper()
	k.until("focus is in the panel", fmt.Sprintf(`document.activeElement.matches("#detail h2") && document.querySelector("#detail code").textContent === %q`, id))
}

// TestPageDoesEightJobsByKeyboard works on 3,000 tasks with keys alone.
func TestPageDoesEightJobsByKeyboard(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	fillThousands(t, c)
	k := &keyboard{tab: b}
	k.until("all are counted", `document.querySelector("#tabs .tab .n").textContent === "3,000"`)
	k.until("the list is one stop", `[...document.querySelectorAll("#scroller :is(a, button, [tabindex])")].filter((e) => e.tabIndex >= 0).length === 1`)

	k.press("5j")
	failed := k.onRow("the first failed one", `row.dataset.status === "FAILED" && row.ariaRowIndex === "2"`)
	k.press(kb.Enter)
	k.inPanel(failed)
	k.until("its error is shown", `document.querySelector("#detail .error-text").textContent.includes("on purpose")`)
	k.press(kb.Escape)
	k.onRow("the row it came from", fmt.Sprintf("row.dataset.id === %q", failed))
	k.press("r")
	k.until("it ran again", fmt.Sprintf(`allToasts.some((e) => e.textContent.includes(%q))`, failed[len(failed)-4:]))
	k.onRow("the row still", fmt.Sprintf("row.dataset.id === %q", failed))
	k.job("open the first failed one, read its error, come back, retry it", 5)

	k.press("2")
	k.until("only pending ones are listed", `[...document.querySelectorAll("#rows tr.row")].every((r) => r.dataset.status === "PENDING") && document.querySelectorAll("#rows tr.row").length > 10`)
	k.onRow("a row of the new list", `row.dataset.status === "PENDING"`)
	k.job("filter by status", 1)

	k.press("1" + kb.Home)
	k.onRow("the first row", `row.ariaRowIndex === "2" && document.querySelector("#tabs .tab").ariaCurrent === "true"`)
	k.press(kb.PageDown + kb.PageDown + kb.PageDown + kb.PageDown + kb.PageDown)
	far := k.onRow("a row five pages down", `Number(row.ariaRowIndex) > 50 && Number(row.ariaRowIndex) < 120`)
	k.press(kb.Enter)
	k.inPanel(far)
	k.press(kb.Escape)
	k.onRow("the row it came from", fmt.Sprintf("row.dataset.id === %q", far))
	k.press("k")
	k.onRow("the row before", fmt.Sprintf("row.nextElementSibling.dataset.id === %q", far))
	k.job("page down five pages, open, come back, one up", 10)

	k.press("3j")
	running := k.onRow("a running one", `row.dataset.status === "RUNNING"`)
	k.press("c")
	k.until("it asks, and names the task", fmt.Sprintf(`document.querySelector("dialog#confirm[open] h2").textContent.includes(%q)`, running[len(running)-4:]))
	k.press(kb.Tab + kb.Enter)
	k.onRow("the row, which stays", fmt.Sprintf(`row.dataset.id === %q && row.dataset.status === "CANCELLED"`, running))
	k.until("it says what it cancelled", fmt.Sprintf(`allToasts.some((e) => e.textContent.includes(%q))`, running[len(running)-4:]))
	k.job("cancel a running one and confirm", 5)

	k.press("n")
	k.until("the form is open", `document.querySelector("dialog#form[open]")?.contains(document.activeElement)`)
	k.press(kb.Enter, chromedp.KeyModifiers(chromedp.ModifierCtrl))
	k.until("the task is open, and has the focus", `location.hash.startsWith("#/tasks/") && document.activeElement.matches("#detail h2")`)
	k.job("a new task by the form", 2)

	k.press(kb.Escape + "1/needle" + kb.ArrowDown)
	needle := k.onRow("what was found", `document.querySelectorAll("#rows tr.row").length === 1`)
	k.press(kb.Enter)
	k.inPanel(needle)
	k.job("search, and open what was found", 11)

	k.press(kb.Escape + "/" + kb.Escape + kb.Escape + "j")
	k.onRow("a row of the whole list", `document.querySelector("#search").value === ""`)
	newest, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", DelaySeconds: 3600})
	if err != nil {
		t.Fatal(err)
	}
	k.until("it waits behind the chip", `document.querySelector("#chip-new:not([hidden])")`)
	k.press(kb.Tab + kb.Enter)
	k.onRow("the newest", fmt.Sprintf("row.dataset.id === %q", newest.ID))
	k.job("back to the whole list, and to the newest by the chip", 7)

	k.press("d")
	k.until("the theme is light", `document.documentElement.dataset.theme === "light"`)
	k.press(kb.End)
	k.onRow("the last of all", `row.ariaRowIndex === document.querySelector("#tasks").ariaRowCount && Number(row.ariaRowIndex) > 3000`)
	k.press(kb.Home)
	k.onRow("the first of all", `row.ariaRowIndex === "2"`)
	k.job("switch the theme, to the last of all, to the first", 3)
	t.Logf("%d presses in all", k.presses)
}

func TestPageComesBackToTheRowFromTheWholeWidth(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	id := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`})["a"]
	b.untilStatus(id, "RUNNING")
	k := &keyboard{tab: b}
	k.press("j" + kb.Enter)
	k.inPanel(id)
	k.js(`document.querySelector('#detail button[aria-label="Full width"]').click()`)
	k.until("the list is covered", `getComputedStyle(document.querySelector("#list-pane")).visibility === "hidden"`)
	k.press(kb.Escape)
	k.onRow("the row it came from", fmt.Sprintf("row.dataset.id === %q", id))
}

// fillThousands submits 3,000 tasks: most wait, ten fail, two run, one has a word of its own.
func fillThousands(t *testing.T, c *client.Client) {
	t.Helper()
	for batch := range 3 {
		var all []client.Submit
		for i := range 1000 {
			s := client.Submit{TaskType: "SLEEP", DelaySeconds: 3600, Tags: []string{"nightly"}, Parameters: map[string]any{"seconds": 1}}
			switch {
			case i%300 == 99:
				s = client.Submit{TaskType: "SLEEP", MaxAttempts: 1, Parameters: map[string]any{"seconds": 0, "fail_rate": 1}}
			case i == 500 && batch < 2:
				s = client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 3600}}
			case i == 700 && batch == 1:
				s = client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 0, "result": "a needle in a haystack"}}
			}
			all = append(all, s)
		}
		if _, err := c.SubmitBatch(t.Context(), all); err != nil {
			t.Fatal(err)
		}
	}
}
