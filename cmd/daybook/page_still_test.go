package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"daybook/client"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// connect is a client of the server.
func connect(t *testing.T, server *process) *client.Client {
	t.Helper()
	c, err := (&remote{Server: server.url}).connect(&stdio{err: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mouse sends one event of the mouse.
func (b *tab) mouse(kind input.DispatchMouseEventType, x, y float64) {
	b.t.Helper()
	p := input.DispatchMouseEventParams{Type: kind, X: x, Y: y}
	if kind != input.DispatchMouseEventTypeMouseMoved {
		p.Button, p.ClickCount = input.MouseButtonLeft, 1
	}
	call(b, input.DispatchMouseEvent, p)
}

// point moves the mouse to a place and returns the task whose row is there.
func (b *tab) point(x, y float64) string {
	b.t.Helper()
	b.mouse(input.DispatchMouseEventTypeMouseMoved, x, y)
	return b.taskAt(x, y)
}

// taskAt is the task whose row is at a place, "" for none.
func (b *tab) taskAt(x, y float64) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.elementFromPoint(%v, %v)?.closest("tr.row")?.dataset.id ?? ""`, x, y))
}

// leave takes pointer and focus away from the list.
func (b *tab) leave() {
	b.t.Helper()
	const y = 20
	x := eval[float64](b, fmt.Sprintf(`[...Array(innerWidth).keys()].slice(20).find((x) => !document.elementFromPoint(x, %d)?.closest("a, button, input, select"))`, y))
	b.point(x, y)
	b.pressMouse(x, y)
	if eval[bool](b, `document.querySelector("#scroller").contains(document.activeElement)`) {
		b.t.Fatal("focus stays in the list")
	}
}

// pressMouse presses and lets go where the mouse is.
func (b *tab) pressMouse(x, y float64) {
	b.t.Helper()
	b.mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	b.mouse(input.DispatchMouseEventTypeMouseReleased, x, y)
}

// middle is the middle of what a selector finds first.
func (b *tab) middle(selector string) (x, y float64) {
	b.t.Helper()
	at := eval[[]float64](b, fmt.Sprintf(`(() => {
		const r = document.querySelector(%q).getBoundingClientRect();
		return [r.x + r.width / 2, r.y + r.height / 2];
	})()`, selector))
	return at[0], at[1]
}

// atRest waits until what a selector finds can be seen, and has been where it is for so long
// that a press on it counts.
func (b *tab) atRest(selector string) {
	b.t.Helper()
	b.js(fmt.Sprintf(`let from = 0, was = ""; window.atRest = false;
	const look = (now) => {
		const el = document.querySelector(%q);
		const is = el?.checkVisibility() ? JSON.stringify([el.getBoundingClientRect(), el.dataset.kind]) : "";
		if (is !== was || is === "") from = now;
		was = is;
		if (now - from > 450) window.atRest = true; else requestAnimationFrame(look);
	};
	requestAnimationFrame(look)`, selector))
	b.until(selector+" is at rest", "window.atRest")
}

// confirm answers the question that is asked with yes.
func (b *tab) confirm() {
	b.t.Helper()
	b.until("it asks", `document.querySelector("dialog#confirm[open]")`)
	b.atRest(`dialog#confirm button[value="yes"]`)
	b.click(`dialog#confirm button[value="yes"]`)
	b.until("the question is gone", `!document.querySelector("dialog#confirm[open]")`)
}

// flood submits tasks at a rate until the test ends, and counts them.
func flood(t *testing.T, c *client.Client, each time.Duration, submit client.Submit) *atomic.Int64 {
	t.Helper()
	var n atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(each)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			group.Go(func() {
				if _, err := c.Submit(ctx, submit); err == nil {
					n.Add(1)
				}
			})
		}
	})
	t.Cleanup(func() { cancel(); group.Wait() })
	return &n
}

// submitted waits until so many more tasks have come.
func (b *tab) submitted(n *atomic.Int64, more int64) {
	b.t.Helper()
	until := n.Load() + more
	b.until("more tasks come", fmt.Sprintf(`Number(document.documentElement.dataset.seq) >= %d`, until))
	for deadline := time.Now().Add(pagePatience); n.Load() < until; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("the tasks do not come")
		}
	}
	b.frames(2)
}

// frames waits until the page has drawn so many more.
func (b *tab) frames(n int) {
	b.t.Helper()
	b.js(fmt.Sprintf(`window.framesLeft = %d; const next = () => { if (--window.framesLeft > 0) requestAnimationFrame(next); }; requestAnimationFrame(next)`, n))
	b.until("it has drawn", "window.framesLeft <= 0")
}

// TestPageClicksHitWhatTheyAimedAt clicks fifty times while a hundred tasks a second come
// to the top of the list.
func TestPageClicksHitWhatTheyAimedAt(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	n := flood(t, c, 10*time.Millisecond, client.Submit{TaskType: "SLEEP", Queue: "flood", DelaySeconds: 3600, Parameters: map[string]any{"seconds": 3600}})
	b.until("rows are there", `document.querySelectorAll("#rows tr[data-id]").length > 14`)
	cancelled := map[string]bool{}
	for i := range 20 {
		b.leave()
		top := eval[string](b, `document.querySelector("#rows tr[data-id]").dataset.id`)
		b.until("rows flow", fmt.Sprintf(`document.querySelector("#rows tr[data-id]").dataset.id !== %q`, top))
		_, first := b.middle("#rows tr[data-id]")
		x, y := 260.0, first+float64(47*(i%8))
		if i%2 == 0 {
			x, _ = b.middle("#rows tr[data-id] .row-action")
		}
		aimed := b.point(x, y)
		if aimed == "" {
			t.Fatalf("no row at %v, %v", x, y)
		}
		b.submitted(n, 25)
		b.atRest(fmt.Sprintf(`#rows tr[data-id=%q]`, aimed))
		if under := b.taskAt(x, y); under != aimed {
			t.Errorf("click %d: the row under the pointer was %s and is %s", i, aimed, under)
		}
		b.pressMouse(x, y)
		if i%2 == 0 {
			cancelled[aimed] = true
			b.until("it says what was cancelled", fmt.Sprintf(`allToasts.some((e) => e.textContent.includes(%q))`, aimed[len(aimed)-4:]))
			continue
		}
		b.until("a task is open", `location.hash.startsWith("#/tasks/") && !document.querySelector("#detail").hidden`)
		b.atRest("#detail") // the list beside it has got narrower
		if opened := eval[string](b, `location.hash.slice("#/tasks/".length).split("?")[0]`); opened != aimed {
			t.Errorf("click %d was aimed at %s and opened %s", i, aimed, opened)
		}
	}
	found := 0
	for one, err := range c.List(t.Context(), client.Filter{Statuses: []client.Status{client.Cancelled}}) {
		if err != nil {
			t.Fatal(err)
		}
		found++
		if !cancelled[one.ID] {
			t.Errorf("%s was cancelled, and nobody aimed at it", one.ID)
		}
	}
	if found != len(cancelled) {
		t.Errorf("%d were aimed at to be cancelled, %d are", len(cancelled), found)
	}
	b.until("what came meanwhile waits behind the chip", `document.querySelector("#chip-new:not([hidden])")`)
	b.leave()
	b.until("it flows in when the pointer leaves", `document.querySelector("#chip-new").hidden`)
}

// TestPageKeepsARowThatEnded: a row under the pointer stays when it no longer matches, and a
// press does what its button said when it went down.
func TestPageKeepsARowThatEnded(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	ids := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`, "b": `{"seconds":3600}`})
	first := ids["a"]
	b.js(`location.hash = "#/?status=RUNNING"`)
	b.until("both are listed", fmt.Sprintf("%s && %s", row(ids["a"]), row(ids["b"])))
	x, y := b.middle(fmt.Sprintf(`#rows tr[data-id=%q] .row-action`, first))
	if b.point(x, y) != first {
		t.Fatal("the pointer is on another row")
	}
	b.atRest(fmt.Sprintf(`#rows tr[data-id=%q] .row-action`, first))
	later := b.since()
	b.mouse(input.DispatchMouseEventTypeMousePressed, x, y)
	if _, err := c.Cancel(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	b.until("the row stays, and its button is another", row(first)+`.dataset.status === "CANCELLED" && `+row(first)+`.querySelector(".row-action").dataset.kind === "retry"`)
	b.mouse(input.DispatchMouseEventTypeMouseReleased, x, y)
	b.frames(2)
	if under := b.taskAt(x, y); under != first {
		t.Errorf("the row under the pointer was %s and is %s", first, under)
	}
	b.leave()
	b.until("it leaves when the pointer does", fmt.Sprintf("!%s && %s", row(first), row(ids["b"])))
	for _, request := range later() {
		if strings.HasPrefix(request, "POST") || strings.HasPrefix(request, "DELETE") {
			t.Errorf("a press on what became another button sent %s", request)
		}
	}
}

// TestPageRefusesAPressThatWasNotAimed: what has just come under the pointer is not pressed.
func TestPageRefusesAPressThatWasNotAimed(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	id := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`})["a"]
	b.untilStatus(id, "RUNNING")
	action := fmt.Sprintf(`#rows tr[data-id=%q] .row-action`, id)
	b.point(b.middle(action))
	b.atRest(action)
	later := b.since()
	b.js(`window.clock = performance.now.bind(performance); window.stopped = clock(); performance.now = () => window.stopped`)
	b.pressMouse(b.middle(action))
	b.until("it asks, and names the task", fmt.Sprintf(`document.querySelector("dialog#confirm[open] h2").textContent.includes(%q)`, id[len(id)-4:]))
	x, y := b.middle(`dialog#confirm button[value="yes"]`)
	b.pressMouse(x, y) // the second press of two
	b.frames(2)
	if !eval[bool](b, `document.querySelector("dialog#confirm").open`) {
		t.Error("the dialog took a press that came with it")
	}
	b.js(`performance.now = window.clock`)
	b.atRest(`dialog#confirm button[value="yes"]`)
	b.pressMouse(x, y)
	b.untilStatus(id, "CANCELLED")
	b.until("it says which, and offers to undo it", fmt.Sprintf(`document.querySelector(".toast")?.innerText.includes(%q) && document.querySelector(".toast-action")`, id[len(id)-4:]))
	b.atRest(".toast-action")
	b.click(".toast-action")
	b.untilStatus(id, "RUNNING")
	var sent []string
	for _, request := range later() {
		if !strings.HasPrefix(request, "GET") {
			sent = append(sent, request)
		}
	}
	if want := []string{"DELETE /api/tasks/" + id, "POST /api/undo"}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
}

// TestPageShowsWhatWasSubmittedHere although the pointer rests on the list.
func TestPageShowsWhatWasSubmittedHere(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	id := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`})["a"]
	b.untilStatus(id, "RUNNING")
	b.point(b.middle(fmt.Sprintf(`#rows tr[data-id=%q] .line`, id)))
	other := submitSome(t, &remote{Server: server.url}, map[string]string{"b": `{"seconds":3600}`})["b"]
	b.until("a task from elsewhere waits", `document.querySelector("#chip-new:not([hidden])")?.innerText.includes("1 new task")`)
	b.do(chromedp.KeyEvent("n"))
	b.until("the form is open", `document.querySelector("dialog#form[open]")?.contains(document.activeElement)`)
	b.do(chromedp.KeyEvent("\r", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	b.until("the task made here is open", `location.hash.startsWith("#/tasks/")`)
	mine := eval[string](b, `location.hash.slice("#/tasks/".length)`)
	b.until("its row is there", row(mine))
	if eval[bool](b, "Boolean("+row(other)+")") {
		t.Error("the other one came with it")
	}
}

func TestPageHoldsStillUnderAFinger(t *testing.T) {
	b, server := openPage(t, 390, 800)
	call(b, emulation.SetTouchEmulationEnabled, emulation.SetTouchEmulationEnabledParams{Enabled: true})
	ids := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":3600}`, "b": `{"seconds":3600}`})
	b.until("both are listed", fmt.Sprintf("%s && %s", row(ids["a"]), row(ids["b"])))
	x, y := b.middle("#rows tr.row .line")
	under := b.taskAt(x, y)
	touch := func(kind input.DispatchTouchEventType, points ...*input.TouchPoint) {
		call(b, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
	}
	touch(input.DispatchTouchEventTypeTouchStart, &input.TouchPoint{X: x, Y: y})
	more := submitSome(t, &remote{Server: server.url}, map[string]string{"c": `{"seconds":3600}`})["c"]
	b.until("the new one waits", `document.querySelector("#chip-new:not([hidden])")`)
	if now := b.taskAt(x, y); now != under {
		t.Errorf("under the finger was %s and is %s", under, now)
	}
	touch(input.DispatchTouchEventTypeTouchCancel)
	b.until("it flows in when the finger is gone", row(more))
}
