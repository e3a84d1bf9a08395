package main

import "testing"

// Nothing is written when a task becomes due: the page says so all the same, and why the task does not start.
func TestPageSaysThatATaskHasBecomeDue(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	leaseOne(t, server.url, "ta") // makes the type known
	sendJSON(t, "POST", server.url+"/api/queues/zz/pause", `{}`)
	submit := func(queue, delay string) {
		t.Helper()
		sendJSON(t, "POST", server.url+"/api/tasks/submit", `{"task_type":"ta","queue":"`+queue+`","delay_seconds":`+delay+`}`)
	}
	submit("zz", "1")
	b.until("its row says why it does not start", `document.querySelector("#rows tr.row .line")?.textContent === "Waiting: its queue is paused"`)
	b.js(`location.hash = "#/queues"`)
	b.until("it is due", `document.querySelector('[data-queue="zz"] [data-label="Due"]')?.textContent === "1"`)
	submit("yy", "1")
	b.until("the other one has come", `document.querySelector('[data-queue="yy"] [data-label="Pending"]')?.textContent === "1"`)
	b.until("the other one is due", `document.querySelector('[data-queue="yy"] [data-label="Due"]').textContent === "1" &&
		document.querySelector('[data-queue="yy"] [data-label="Oldest due"]').textContent !== "–"`)
}

// On a phone the end of a line is cut: why a task waits is at its beginning.
func TestPageSaysWhyATaskWaitsOnAPhone(t *testing.T) {
	b, server := openPage(t, 390, 800)
	sendJSON(t, "POST", server.url+"/api/queues/mail/pause", `{}`)
	sendJSON(t, "POST", server.url+"/api/tasks/submit", `{"task_type":"EMAIL_SIMULATION","queue":"mail","parameters":{"recipients":["someone.with.a.long.name@a-long-name-of-a-domain.example.org"],"subject":"The invoices of the month","body":"x"}}`)
	b.until("it says so", `document.querySelector("#rows tr.row .line")?.textContent.startsWith("Waiting: its queue is paused · ")`)
	b.shootAs("phone-waits")
}
