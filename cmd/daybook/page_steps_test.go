package main

import (
	"strings"
	"testing"
)

func TestPageShowsTheStepsOfATaskAndAnswersForAPerson(t *testing.T) {
	b, process := openPage(t, 1280, 1000)
	server := process.url
	leaseOne(t, server, "order") // makes the type known
	_, id, _ := strings.Cut(sendJSON(t, "POST", server+"/api/tasks/submit", `{"task_type":"order","subject":"order 42"}`), `{"id":"`)
	id = id[:26]
	token, _ := leaseOne(t, server, "order")
	sendJSON(t, "PUT", server+"/api/leases/"+token+"/steps/charge", `{"payment":"p-1"}`)
	sendJSON(t, "POST", server+"/api/leases/"+token+"/suspend", `{"step":"paid","events":["paid:42"]}`)
	b.js(`location.hash = "#/?status=PENDING&waiting=suspended"`)
	b.until("the list has the suspended task", `document.body.innerText.includes("Suspended until the event")`)
	b.open(id)
	b.until("its steps are shown", `document.querySelector("#detail .step-list")?.innerText.includes("charge") && document.querySelector("#detail .step-list").innerText.includes("p-1")`)
	b.until("it is said what it waits for", `document.querySelector("#detail .step-now")?.innerText.includes("paid:42")`)
	b.until("the phases are told apart", `document.querySelectorAll("#detail .phases [data-phase=suspended]").length === 1 && document.querySelector("#detail .phases").ariaLabel.includes("Suspended")`)
	sendJSON(t, "POST", server+"/api/events", `{"name":"paid:42","payload":{"amount":99}}`)
	b.until("the event is a step", `document.querySelector("#detail .step-list").innerText.includes("Event") && !document.querySelector("#detail .step-now")`)
	token, _ = leaseOne(t, server, "order")
	sendJSON(t, "POST", server+"/api/leases/"+token+"/suspend", `{"step":"ask","approval":{"title":"Refund order 42?","fields":{"type":"object","required":["amount"],"properties":{"amount":{"type":"integer","minimum":1,"title":"Amount"}}}}}`)
	b.until("it asks", `document.querySelector("#detail .step-answers button")`)
	b.shootAs("asks")
	b.js(`document.querySelector("#detail .step-answers button").click()`)
	b.until("the form is open", `document.querySelector("dialog[open] h2")?.textContent === "Refund order 42?"`)
	b.sheet(map[string]string{"answer/amount": "0"})
	b.until("the answer is refused at its field", `document.querySelector('dialog[open] [data-pointer="/answer/amount"] .field-error:not([hidden])')?.textContent.includes("at least 1")`)
	b.refused()
	b.sheet(map[string]string{"answer/amount": "5", "reason": "within budget"})
	b.until("the answer is a step", `!document.querySelector("dialog[open]") && document.querySelector("#detail .step-list").innerText.includes("within budget")`)
	b.check()
}
