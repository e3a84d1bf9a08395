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
