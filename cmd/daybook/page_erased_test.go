package main

import (
	"encoding/json"
	"testing"
)

// What was erased is called so in the list, in the panel and in its workflow, and nothing is offered that the server would refuse.
func TestPageSaysWhatWasErased(t *testing.T) {
	b, process := openPage(t, 1280, 900)
	server := process.url
	var made struct{ ID string }
	if err := json.Unmarshal([]byte(sendJSON(t, "POST", server+"/api/tasks/submit",
		`{"task_type":"SLEEP","parameters":{"seconds":0,"fail_rate":1,"result":"ann@example.org"},"max_attempts":1}`)), &made); err != nil {
		t.Fatal(err)
	}
	id := made.ID
	b.untilStatus(id, "FAILED")
	b.js(`location.hash = "#/tasks/` + id + `"`)
	offers := `[...document.querySelectorAll("#detail .detail-actions > *")].filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()).join()`
	b.until("its error is shown", `document.querySelector("#detail .timeline").innerText.includes("failed on purpose")`)
	b.until("a failed task can be retried", offers+` === "Retry,Retry with changes,Submit a copy,Schedule"`)
	sendJSON(t, "POST", server+"/api/tasks/"+id+"/erase", `{"reason":"case 4711"}`)
	b.until("nothing is offered any more", offers+` === ""`)
	b.until("the head says it", `document.querySelector("#detail .detail-head").innerText.includes("Erased")`)
	b.until("and why", `/Erased on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d.*: \S?case 4711/.test(document.querySelector("#detail").innerText)`)
	b.until("the texts that it had are gone", `!document.querySelector("#detail").innerText.includes("failed on purpose")`)
	b.until("and the list", row(id)+`.querySelector(".line").textContent === "Erased"`)
	if eval[bool](b, `/used its defaults|ann@example|gave no result/.test(document.querySelector("#detail").innerText)`) {
		t.Error("the panel says what is not so")
	}
	if eval[bool](b, row(id)+`.querySelector(".row-action").checkVisibility()`) {
		t.Error("the list offers a retry")
	}
	b.everywhere("erased", b.cutsNothing)
	b.shootAs("erased-task")

	leaseOne(t, server, "build") // makes the type known
	var flow struct {
		ID    string
		Tasks map[string]struct{ ID string }
	}
	submitted := sendJSON(t, "POST", server+"/api/workflows", `{"name":"release","tasks":{"fetch":{"task_type":"build","max_attempts":1},"test":{"task_type":"build","depends_on":["fetch"]}}}`)
	if err := json.Unmarshal([]byte(submitted), &flow); err != nil {
		t.Fatal(err)
	}
	token, _ := leaseOne(t, server, "build")
	sendJSON(t, "POST", server+"/api/leases/"+token+"/fail", `{"error":"broken","retryable":false}`)
	b.js(`location.hash = "#/workflows/` + flow.ID + `"`)
	again := func(node string) string {
		return `document.querySelector('tr[data-node="` + node + `"] .c-act button').checkVisibility()`
	}
	retry := `[...document.querySelectorAll(".place-tools button")].find((button) => button.textContent === "Retry what failed").checkVisibility()`
	b.until("it can run again", retry+" && "+again("fetch")+" && "+again("test"))
	sendJSON(t, "POST", server+"/api/tasks/"+flow.Tasks["fetch"].ID+"/erase", `{"reason":"case 4711"}`)
	b.until("not from what was erased", "!"+again("fetch")+" && "+again("test")+` && document.querySelector('tr[data-node="fetch"]').innerText.includes("Erased")`)
	sendJSON(t, "POST", server+"/api/tasks/"+flow.ID+"/erase", `{"reason":"case 4711"}`)
	b.until("nor when all of it was", `document.querySelector(".place-line h1").textContent === "Erased workflow" && !`+retry+" && !"+again("test"))
	b.shootAs("erased-workflow")
	b.js(`location.hash = "#/workflows"`)
	b.until("the list says it", `document.querySelector("[data-workflow]")?.innerText.includes("Erased workflow")`)
	b.check()
}
