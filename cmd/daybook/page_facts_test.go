package main

import (
	"strings"
	"testing"

	"daybook/client"
)

func TestPageSaysWhatItsAddressAsksForInVain(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`})
	b.until("a task is listed", `document.querySelector("#rows tr.row")`)
	for hash, want := range map[string]string{
		"#/?status=WRONG":                     "no status",
		"#/?task_type=two%20words":            "no task type",
		"#/?task_type=NOTHING":                "no task type",
		"#/?queue=nowhere":                    "there is no task in queue",
		"#/?queue=" + strings.Repeat("x", 65): "no queue",
		"#/?colour=blue":                      "no filter",
		"#/?q=" + strings.Repeat("x", 201):    "at most 200 characters",
		"#/settings":                          "no place",
	} {
		b.js(`location.hash = "` + hash + `"`)
		b.until(hash+" is told of", `document.querySelector("#empty:not([hidden])")?.innerText.toLowerCase().includes("`+want+`") && !document.querySelector("#rows tr.row")`)
		b.click("#empty .empty-actions button")
		b.until("what was wrong is cleared", `document.querySelector("#rows tr.row") && document.querySelector("#empty").hidden`)
	}
	// What is right in it stays, and what comes meanwhile is not let in.
	b.js(`location.hash = "#/?status=RUNNING&status=WRONG"`)
	b.until("it is told of", `document.querySelector("#empty:not([hidden])")`)
	more := submitSome(t, &remote{Server: server.url}, map[string]string{"b": `{"seconds":3600}`})["b"]
	b.until("it is counted", `document.querySelector("#tabs [data-status=RUNNING] .n").textContent === "2"`)
	if eval[bool](b, "Boolean("+row(more)+")") {
		t.Error("a task was let into a list of nothing")
	}
	b.click("#empty .empty-actions button")
	b.until("the rest of the filter stands", row(more)+` && location.hash === "#/?status=RUNNING"`)
}

func TestPageSaysHowMuchASearchFound(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	var all []client.Submit
	for range 196 {
		all = append(all, client.Submit{TaskType: "SLEEP", DelaySeconds: 3600, Parameters: map[string]any{"seconds": 1, "result": "reports of port"}})
	}
	if _, err := c.SubmitBatch(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	b.js(`location.hash = "#/?q=report"`)
	b.until("all are counted", `document.querySelector("#chosen").innerText.includes("196 matches") && !document.querySelector("#chosen").innerText.includes("least")`)
	b.js(`location.hash = "#/?q=eports"`)
	b.until("it says what was looked for", `document.querySelector("#empty:not([hidden])")?.innerText.includes("words that begin with it")`)
}

func TestPageCountsInTheTitleOfATabThatIsHidden(t *testing.T) {
	tabs, server := openTabs(t, 2, `
		let hidden = false;
		Object.defineProperty(Document.prototype, "hidden", { get: () => hidden });
		window.hide = () => { hidden = true; window.requestAnimationFrame = () => 0; document.dispatchEvent(new Event("visibilitychange")); };`)
	tabs[1].js("hide()")
	submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`, "b": `{"seconds":3600}`})
	tabs[1].until("the hidden tab counts", `document.title === "(2) Daybook"`)
	tabs[0].js("hide()")
	tabs[0].until("without a connection nothing is known, and nothing is said", `document.title === "Daybook"`)
	untilStreams(t, server.url, 0)
}
