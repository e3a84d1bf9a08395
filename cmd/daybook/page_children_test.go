package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestPageShowsTheChildrenOfATask(t *testing.T) {
	b, process := openPage(t, 1280, 900)
	server := process.url
	leaseOne(t, server, "album") // makes the types known
	leaseOne(t, server, "picture")
	_, id, _ := strings.Cut(sendJSON(t, "POST", server+"/api/tasks/submit", `{"task_type":"album","subject":"summer"}`), `{"id":"`)
	id = id[:26]
	token, _ := leaseOne(t, server, "album")
	var tasks []string
	for i := range 7 {
		tasks = append(tasks, fmt.Sprintf(`"page-%d":{"task_type":"picture"}`, i))
	}
	sendJSON(t, "POST", server+"/api/leases/"+token+"/children", `{"step":"pages","on_failure":"collect","tasks":{`+strings.Join(tasks, ",")+`}}`)
	sendJSON(t, "POST", server+"/api/leases/"+token+"/suspend", `{"step":"pages:ended","children":"pages"}`)
	b.js(`location.hash = "#/tasks/` + id + `"`)
	const list = `document.querySelectorAll("#detail .children-list li")`
	const sums = `document.querySelector("#detail .child-sums")?.innerText`
	b.until("they are listed, and how many there are of each state", list+`.length === 7 && `+sums+`.includes("7 pending")`)
	b.until("it says what it waits for", `document.querySelector("#detail").innerText.includes("Suspended until 7 children have ended")`)
	child, _ := leaseOne(t, server, "picture")
	sendJSON(t, "POST", server+"/api/leases/"+child+"/fail", `{"error":"no paper","retryable":false}`)
	b.until("a failure is shown without a look", sums+`.includes("1 failed") && `+sums+`.includes("6 pending")`)
	b.everywhere("children", func(when string) { b.fits(when); b.cutsNothing(when) })
	b.do(chromedp.EmulateViewport(1280, 900))
	b.js(list + `[0].querySelector("a").click()`)
	b.until("a child leads to its parent", `document.querySelector("#detail .facts").innerText.includes("Child of") && [...document.querySelectorAll("#detail .facts a")].some((a) => a.hash === "#/tasks/`+id+`")`)
	b.check()
}
