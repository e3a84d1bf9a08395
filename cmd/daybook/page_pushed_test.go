package main

import (
	"fmt"
	"strings"
	"testing"

	"daybook/client"

	"github.com/chromedp/chromedp"
)

// The tab that leads opens the stream with the lists that any of them shows.
func TestPageIsPushedTheListsOfAllTabs(t *testing.T) {
	tabs, server := openTabs(t, 2, "")
	c := connect(t, server)
	submit := func(queue string) {
		t.Helper()
		if _, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", Queue: queue, Parameters: map[string]any{"seconds": 3600}}); err != nil {
			t.Fatal(err)
		}
	}
	settled := `performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/api/%s")).length >= 2`
	places := []struct{ name, rows string }{{"workers", `#place tr[data-worker]`}, {"queues", `#place tr[data-queue]`}}
	for i, b := range tabs {
		b.js(fmt.Sprintf(`location.hash = "#/%s"`, places[i].name))
		b.until("the list is fetched when it is opened and when its stream begins", fmt.Sprintf(settled, places[i].name))
	}
	count := func(b *tab, what, selector string, n int) {
		t.Helper()
		b.until(what, fmt.Sprintf(`document.querySelectorAll(%q).length === %d`, selector, n))
	}
	asked := []func() []string{tabs[0].since(), tabs[1].since()}
	for n := range 5 {
		submit(fmt.Sprintf("q%d", n))
		count(tabs[1], "a queue is pushed to the tab that does not lead", places[1].rows, n+1)
	}
	for n := range 3 {
		sendJSON(t, "POST", server.url+"/api/leases", fmt.Sprintf(`{"worker":"w%d","task_types":["resize"],"max":0}`, n))
		count(tabs[0], "a worker is pushed", places[0].rows, n+1)
	}
	sendJSON(t, "POST", server.url+"/api/tasks/bulk", `{"action":"cancel","filter":{"queue":"q3"}}`)
	count(tabs[1], "a queue that is empty is gone", places[1].rows, 4)
	for i := range tabs {
		for _, request := range asked[i]() {
			if strings.Contains(request, "/api/"+places[i].name) {
				t.Errorf("the tab at the %s has fetched %s", places[i].name, request)
			}
		}
	}
	// The one that leads is closed: the other goes on.
	tabs[0].do(chromedp.Navigate("about:blank"))
	submit("late")
	count(tabs[1], "a queue is pushed to the new leader", places[1].rows, 5)
	untilStreams(t, server.url, 1)
}

// pushedTo is b at a place whose lists have settled. done reports a list that was fetched since then.
func (b *tab) pushedTo(place string, lists ...string) (done func()) {
	b.t.Helper()
	b.js(fmt.Sprintf(`location.hash = "#/%s"`, place))
	for _, list := range lists {
		b.until(list+" are fetched when they are opened and when their stream begins",
			fmt.Sprintf(`performance.getEntriesByType("resource").filter((e) => e.name.includes("/api/%s") && e.responseEnd > 0).length >= 2`, list))
	}
	asked := b.since()
	return func() {
		b.t.Helper()
		for _, request := range asked() {
			for _, list := range lists {
				if strings.Contains(request, "/api/"+list) {
					b.t.Error("the page has fetched", request)
				}
			}
		}
	}
}

func TestPageIsPushedApprovalsAlertsAndWebhooks(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	leaseOne(t, server, "refund") // makes the type known
	rows := func(what, selector string, n int) {
		t.Helper()
		b.until(what, fmt.Sprintf(`document.querySelectorAll("#place tr[data-%s]").length === %d`, selector, n))
	}
	done := b.pushedTo("approvals", "approvals")
	first := asks(t, server, "First?")
	rows("an approval is pushed", "task", 1)
	asks(t, server, "Second?")
	rows("so is another", "task", 2)
	sendJSON(t, "POST", server+"/api/tasks/"+first+"/approvals/ask", `{"approve":false}`)
	rows("one that was answered is gone", "task", 1)
	done()

	done = b.pushedTo("alerts", "alerts", "webhooks")
	sendJSON(t, "POST", server+"/api/alerts", `{"name":"deep","when":"queue_depth","above":100,"queue":"stuck"}`)
	rows("an alert is pushed", "alert", 1)
	sendJSON(t, "POST", server+"/api/webhooks", `{"name":"pager","url":"https://example.com/","events":["alert.fired"]}`)
	rows("a webhook is pushed", "webhook", 1)
	sendJSON(t, "POST", server+"/api/queues/stuck/pause", "{}")
	sendJSON(t, "POST", server+"/api/tasks/submit", `{"task_type":"SLEEP","queue":"stuck","parameters":{"seconds":0}}`)
	b.until("what is measured is pushed", `document.querySelector('#place tr[data-alert="deep"] [data-label="Now"]').textContent === "1"`)
	sendJSON(t, "DELETE", server+"/api/alerts/deep", "")
	sendJSON(t, "DELETE", server+"/api/webhooks/pager", "")
	rows("an alert that was deleted is gone", "alert", 0)
	rows("so is a webhook", "webhook", 0)
	done()
}

// Most rows of the inbox: when some are answered, others take their places.
func TestPageFillsTheInboxFromThoseThatFollow(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	leaseOne(t, server, "refund")
	var ids []string
	for n := range 202 {
		ids = append(ids, asks(t, server, fmt.Sprintf("Number %d?", n)))
	}
	b.js(`location.hash = "#/approvals"`)
	const rows = `document.querySelectorAll("#place tr[data-task]")`
	more := `[...document.querySelectorAll("#place .place-note")].some((note) => note.checkVisibility() && note.textContent.includes("There are more"))`
	b.until("the first are listed, and that there are more", rows+`.length === 200 && `+more)
	for n, id := range ids[:2] {
		sendJSON(t, "POST", server+"/api/tasks/"+id+"/approvals/ask", `{"approve":false}`)
		b.until("another takes the place", fmt.Sprintf(rows+`.length === 200 && `+rows+`[199].innerText.includes("Number %d?")`, 200+n))
	}
	b.until("those are all", "!"+more)
}
