package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// The graph of a workflow lights up as its tasks run, the list says the same, and what failed runs again from the page.
func TestPageDrawsAWorkflow(t *testing.T) {
	b, process := openPage(t, 1280, 1000)
	server := process.url
	token, _ := leaseOne(t, server, "build") // makes the type known
	if token != "" {
		t.Fatal("there is a task")
	}
	sendJSON(t, "POST", server+"/api/workflows", `{"name":"release <b>7</b>","tasks":{
		"fetch":{"task_type":"build"},
		"test":{"task_type":"build","depends_on":["fetch"],"max_attempts":1},
		"tell":{"task_type":"SLEEP","parameters":{"seconds":0},"depends_on":[{"task":"test","when":"failed"}]},
		"publish":{"task_type":"build","depends_on":["test"]}}}`)
	b.js(`location.hash = "#/workflows"`)
	b.until("the list has the workflow", `document.querySelector("[data-workflow]")?.innerText.includes("release <b>7</b>")`)
	b.until("and how far it is", `document.querySelector("[data-workflow]").innerText.includes("0 of 4 tasks have ended")`)
	b.js(`document.querySelector("[data-workflow] a").click()`)
	status := func(name, want string) {
		t.Helper()
		b.until(name+" is "+want, `document.querySelector('.graph-box[data-node="`+name+`"]')?.dataset.status === "`+want+`" &&
			document.querySelector('tr[data-node="`+name+`"] .status')?.dataset.status === "`+want+`"`)
	}
	for _, name := range []string{"fetch", "test", "tell", "publish"} {
		status(name, "PENDING")
	}
	b.until("the edges are drawn", `document.querySelectorAll(".graph-line").length === 3`)
	b.until("the picture is for the eye, the list for all", `document.querySelector(".graph").ariaHidden === "true" && [...document.querySelectorAll(".graph a")].every((a) => a.tabIndex === -1) &&
		[...document.querySelectorAll("tr[data-node] th a")].map((a) => a.textContent).join() === "fetch,test,tell,publish"`)
	token, _ = leaseOne(t, server, "build")
	status("fetch", "RUNNING")
	b.shootAs("workflow-runs")
	sendJSON(t, "POST", server+"/api/leases/"+token+"/complete", `{"result":1}`)
	status("fetch", "SUCCESS")
	b.until("the edge from it is lit", `document.querySelectorAll(".graph-line[data-met]").length === 1`)
	token, _ = leaseOne(t, server, "build")
	status("test", "RUNNING")
	sendJSON(t, "POST", server+"/api/leases/"+token+"/fail", `{"error":"2 of 9 tests failed","retryable":false}`)
	status("test", "FAILED")
	status("tell", "SUCCESS")
	status("publish", "CANCELLED")
	b.until("the error is in the list", `document.querySelector('tr[data-node="test"]').innerText.includes("2 of 9 tests failed")`)
	b.until("the workflow has failed", `document.querySelector(".place-line .status").dataset.status === "FAILED"`)
	b.shootAs("workflow-failed")
	b.js(`[...document.querySelectorAll(".place-tools button")].find((button) => button.textContent === "Retry what failed").click()`)
	status("publish", "PENDING")
	token, _ = leaseOne(t, server, "build")
	status("test", "RUNNING")
	sendJSON(t, "POST", server+"/api/leases/"+token+"/complete", `{"result":1}`)
	token, _ = leaseOne(t, server, "build")
	sendJSON(t, "POST", server+"/api/leases/"+token+"/complete", `{"result":1}`)
	status("publish", "SUCCESS")
	b.js(`location.hash = "#/workflows/` + strings.Repeat("0", 26) + `"`)
	b.until("what is no workflow is named", `document.querySelector(".place-note:not([hidden])")?.textContent.startsWith("There is no workflow")`)
	b.refused()
	b.check()
}

// Names fit into the boxes of a graph, however wide their letters are.
func TestPageKeepsLongNamesInTheirBoxes(t *testing.T) {
	b, process := openPage(t, 1280, 900)
	var flow struct{ ID string }
	made := sendJSON(t, "POST", process.url+"/api/workflows", `{"name":"wide","tasks":{"WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW":{"task_type":"SLEEP","delay_seconds":3600},
		"illilliilliilliillii":{"task_type":"SLEEP","delay_seconds":3600}}}`)
	if err := json.Unmarshal([]byte(made), &flow); err != nil {
		t.Fatal(err)
	}
	b.js(`location.hash = "#/workflows/` + flow.ID + `"`)
	b.until("the graph is drawn", `document.querySelectorAll(".graph-name").length === 2`)
	b.until("the names are in their boxes", `[...document.querySelectorAll(".graph-box")].every((one) =>
		one.querySelector(".graph-name").getBoundingClientRect().right <= one.querySelector("rect").getBoundingClientRect().right - 4)`)
	b.until("what fits is shown whole", `[...document.querySelectorAll(".graph-name")].some((one) => one.textContent === "illilliilliilliillii")`)
	b.until("what does not fit ends with a sign", `[...document.querySelectorAll(".graph-name")].some((one) => /^W{5,}…$/.test(one.textContent))`)
	b.shootAs("wide-names")
	b.check()
}

// The list of tasks names what a task of a workflow waits for; the open task leads there.
func TestPageNamesWhatATaskOfAWorkflowWaitsFor(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	sendJSON(t, "POST", process.url+"/api/workflows", `{"name":"release","tasks":{
		"make":{"task_type":"SLEEP","delay_seconds":3600},"check":{"task_type":"SLEEP","delay_seconds":3600},
		"ship":{"task_type":"SLEEP","depends_on":["make","check"]}}}`)
	const row = `[...document.querySelectorAll("#rows tr.row")].find((tr) => tr.innerText.replace(/[\u2066-\u2069]/g, "").includes("Waiting: make and check must end first"))`
	b.until("the row says their names", row)
	b.shootAs("list")
	b.js(row + `.click()`)
	const link = `document.querySelector("#detail .note a.to-task")`
	b.until("so does the task", link+`?.textContent === "make"`)
	b.shootAs("task")
	b.js(link + `.click()`)
	b.until("the first of them is open", `document.querySelector("#detail").innerText.includes("Starts in")`)
	b.check()
}

func TestPageSaysWhatHoldsAWorkflow(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	sendJSON(t, "PATCH", server.url+"/api/queues/workflows", `{"key_concurrency":1}`)
	for _, name := range []string{"first", "second"} {
		sendJSON(t, "POST", server.url+"/api/workflows", `{"name":"`+name+`","concurrency_key":"k","tasks":{"one":{"task_type":"SLEEP","parameters":{"seconds":3600}}}}`)
	}
	b.js(`location.hash = "#/workflows"`)
	const held = "Waiting: as many workflows with its concurrency key run as their queue allows"
	b.until("the list says so", `[...document.querySelectorAll("[data-workflow]")].map((w) => w.innerText.includes("`+held+`")).join() === "true,false"`)
	b.shootAs("workflows-held")
	b.js(`document.querySelector("[data-workflow] a").click()`)
	b.until("its place says so", `document.querySelector(".place-page h1")?.textContent === "second" && document.querySelector("#place").innerText.includes("`+held+`")`)
	b.shootAs("workflow-held")
}
