package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

func TestPageSubmitsByFormAndSeesTheBarMoveByPush(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	b.form("SLEEP")
	b.fill("/parameters/seconds", "100") // it is cancelled when the bar has moved, however long that takes here
	b.js(`window.bars = []; new MutationObserver(() => {
		const bar = document.querySelector("#rows tr .bar");
		if (bar && bars.at(-1) !== bar.ariaValueNow) bars.push(bar.ariaValueNow);
	}).observe(document.getElementById("rows"), { subtree: true, attributes: true, childList: true })`)
	later := b.since()
	id := b.submit()
	b.untilStatus(id, "RUNNING")
	b.until("the bar moves", `bars.length >= 4`)
	if _, err := connect(t, server).Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	b.untilStatus(id, "CANCELLED")
	for _, request := range later() {
		if strings.HasPrefix(request, "GET /api/tasks/?") || strings.HasPrefix(request, "GET /api/tasks?") || strings.HasPrefix(request, "GET /api/stats") {
			t.Errorf("the page asked for %s instead of waiting for what is pushed", request)
		}
	}
	b.until("the page says which seq it has drawn", `Number(document.documentElement.dataset.seq) >= 4`)
	b.until("the history is there", `document.querySelector('#detail .entry[data-type="task.cancelled"]')`)
}

func TestPageShowsWhatIsWrongAtItsField(t *testing.T) {
	b, _ := openPage(t, 1280, 800)
	b.form("SLEEP")
	b.fill("/parameters/seconds", "-1")
	b.click("dialog#form button[type=submit]")
	b.until("the field says what is wrong", `document.querySelector('[data-pointer="/parameters/seconds"] .field-error:not([hidden])')?.textContent`)
}

func TestPageCancelsAndRetries(t *testing.T) {
	b, _ := openPage(t, 1280, 800)
	b.form("SLEEP")
	b.fill("/parameters/seconds", "3600")
	id := b.submit()
	b.untilStatus(id, "RUNNING")
	b.click("#detail .detail-actions button.danger")
	b.confirm()
	b.untilStatus(id, "CANCELLED")
	b.until("it can be sent round again", row(id)+`.querySelector('.row-action[data-kind=retry]:not([hidden])')`)
	b.js(row(id) + `.querySelector('.row-action').click()`)
	b.untilStatus(id, "RUNNING")
	b.until("the history has both", `document.querySelector('#detail .entry[data-type="task.cancelled"]') && document.querySelector('#detail .entry[data-type="task.retried"]')`)
}

func TestPageFilters(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := &remote{Server: server.url}
	ids := submitSome(t, c, map[string]string{"waits": `{"seconds":3600}`, "ends": `{"seconds":0,"result":"needle in a haystack"}`})
	b.untilStatus(ids["ends"], "SUCCESS")
	b.untilStatus(ids["waits"], "RUNNING")
	b.until("the tabs have live counts", `document.querySelector('#tabs [data-status=SUCCESS] .n').textContent === "1"`)
	b.click("#tabs [data-status=SUCCESS]")
	b.until("only what succeeded is listed", fmt.Sprintf(`%s && !%s`, row(ids["ends"]), row(ids["waits"])))
	more := submitSome(t, c, map[string]string{"later": `{"seconds":0}`})
	b.untilStatus(more["later"], "SUCCESS")
	b.click("#tabs .tab:first-child")
	b.until("all are listed", fmt.Sprintf(`%s && %s`, row(ids["ends"]), row(ids["waits"])))
	b.do(chromedp.SendKeys(chromedp.CSS("#search"), "needle"))
	b.until("only what has the text is listed", fmt.Sprintf(`%s && !%s && !%s`, row(ids["ends"]), row(ids["waits"]), row(more["later"])))
	if hash := eval[string](b, "location.hash"); !strings.Contains(hash, "q=needle") {
		t.Errorf("the address is %s", hash)
	}
}

// submitSome submits tasks with these parameters through the API and returns their ids by
// name.
func submitSome(t *testing.T, r *remote, parameters map[string]string) map[string]string {
	t.Helper()
	c, err := r.connect(&stdio{err: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for name, object := range parameters {
		submit := submitCmd{Type: "SLEEP", Parameters: object}
		params, err := submit.parameters()
		if err != nil {
			t.Fatal(err)
		}
		done, err := c.Submit(t.Context(), submit.submit(params))
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = done.ID
	}
	return ids
}

func TestPageAnalysesAFile(t *testing.T) {
	b, _ := openPage(t, 1280, 900)
	path := filepath.Join(t.TempDir(), "harbours.csv")
	var table strings.Builder
	table.WriteString("harbour,depth,opened\n")
	for i := range 2000 {
		fmt.Fprintf(&table, "Harbour %d,%d.5,20%02d-01-02\n", i%17, i%40, i%27)
	}
	if err := os.WriteFile(path, []byte(table.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.csv")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.form("DATA_PROCESSING")
	input := chromedp.CSS(`dialog#form [data-pointer="/parameters/file"] input[type=file]`)
	b.do(chromedp.SetUploadFiles(input, []string{empty}))
	b.until("an empty file is refused", `document.querySelector("dialog#form .upload")?.innerText.includes("The file is empty")`)
	b.do(chromedp.SetUploadFiles(input, []string{path}))
	id := b.submit()
	b.untilStatus(id, "SUCCESS")
	b.until("the statistics are shown", `document.querySelector("#detail .column-name")`)
	words := eval[string](b, `document.querySelector("#detail").innerText`)
	for _, want := range []string{"harbour", "depth", "opened"} {
		if !strings.Contains(words, want) {
			t.Errorf("the result does not show %q:\n%s", want, words)
		}
	}
}

func TestPageShowsPictures(t *testing.T) {
	b, _ := openPage(t, 1280, 900)
	b.form("IMAGE_PROCESSING")
	b.fill("/parameters/image_count", "3")
	id := b.submit()
	b.untilStatus(id, "SUCCESS")
	b.until("the pictures are drawn", `[...document.querySelectorAll("#detail img")].filter((i) => i.complete && i.naturalWidth > 0).length >= 3`)
}

func TestPageIsDarkWhereTheSystemIs(t *testing.T) {
	b, _ := openPage(t, 1280, 800)
	light := b.brightness()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	dark := b.brightness()
	if light < 0.8 || dark > 0.25 {
		t.Errorf("brightness %v in light, %v in dark", light, dark)
	}
	b.click("#theme") // light, whatever the system says
	if forced := b.brightness(); forced != light {
		t.Errorf("brightness %v when light was chosen, %v in light", forced, light)
	}
	b.click("#theme")
	if forced := b.brightness(); forced != dark {
		t.Errorf("brightness %v when dark was chosen, %v in dark", forced, dark)
	}
	b.do(chromedp.Reload())
	b.until("the choice stays", `document.documentElement.dataset.theme === "dark"`)
	b.until("the page is live", `document.documentElement.dataset.live === "live"`)
}

// brightness is that of the page's ground, 0 … 1.
func (b *tab) brightness() float64 {
	b.t.Helper()
	return eval[float64](b, `(() => {
		const c = document.createElement("canvas").getContext("2d");
		c.fillStyle = getComputedStyle(document.body).backgroundColor;
		c.fillRect(0, 0, 1, 1);
		const [r, g, b] = c.getImageData(0, 0, 1, 1).data;
		return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
	})()`)
}

func TestPageFitsAPhone(t *testing.T) {
	b, server := openPage(t, 360, 740)
	b.fits("with nothing in it")
	submitSome(t, &remote{Server: server.url}, map[string]string{"waits": `{"seconds":3600}`, "ends": `{"seconds":0,"result":"` + strings.Repeat("long", 200) + `"}`})
	b.until("two tasks are listed", `document.querySelectorAll("#rows tr[data-id]").length === 2`)
	b.fits("with a list")
	b.form("SLEEP")
	b.fits("with the form")
	b.fill("/parameters/seconds", "0")
	id := b.submit()
	b.until("the task is shown", fmt.Sprintf(`document.querySelector("#detail:not([hidden]) code")?.textContent === %q`, id))
	b.fits("with a task")
	b.js(`document.querySelector("#detail .only-phone").click()`)
	b.until("the list is back", `document.querySelector("#detail").hidden`)
}

// fits checks that nothing is wider than the window.
func (b *tab) fits(when string) {
	b.t.Helper()
	wide := eval[[]string](b, `[...document.querySelectorAll("body *")].filter((e) => {
		const r = e.getBoundingClientRect();
		if (r.width === 0 || r.right <= innerWidth + 1) return false;
		for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return false;
		return e.checkVisibility();
	}).map((e) => e.tagName + "." + e.className)`)
	if len(wide) > 0 || eval[bool](b, `document.documentElement.scrollWidth > innerWidth`) {
		b.t.Errorf("%s it is wider than the window: %v", when, slices.Compact(wide))
	}
}

func TestPageComesBackAfterTheServerWasKilled(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	ids := submitSome(t, &remote{Server: server.url}, map[string]string{"waits": `{"seconds":3600}`, "ends": `{"seconds":0}`})
	b.untilStatus(ids["ends"], "SUCCESS")
	b.untilStatus(ids["waits"], "RUNNING")
	b.mu.Lock()
	b.cut = true
	b.mu.Unlock()
	if _, err := server.stop(syscall.SIGKILL, patience); err != nil {
		t.Fatal(err)
	}
	b.until("it says that it is not live", `document.documentElement.dataset.live !== "live" && document.documentElement.hasAttribute("data-stale")`)
	again, err := startServer(server.cmd.Dir, os.Environ(), "--addr", strings.TrimPrefix(server.url, "http://"), "--data", "data", "--quiet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.cmd.Process.Kill(); <-again.done })
	if err := again.ready(patience); err != nil {
		t.Fatal(err)
	}
	b.until("it is live again", `document.documentElement.dataset.live === "live" && !document.documentElement.hasAttribute("data-stale")`)
	b.untilStatus(ids["ends"], "SUCCESS")
	b.untilStatus(ids["waits"], "RUNNING")
	b.until("the second attempt is shown", row(ids["waits"])+`.innerText.includes("2")`)
}

func TestPageOfTheAPIListsEveryOperation(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	res, err := http.Get(server.url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	want := 0
	for _, item := range doc.Paths {
		for key := range item {
			if key != "parameters" {
				want++
			}
		}
	}
	b.do(chromedp.Navigate(server.url + "/docs"))
	b.until(fmt.Sprintf("%d operations are listed", want), fmt.Sprintf(`document.querySelectorAll("details.operation").length === %d`, want))
}
