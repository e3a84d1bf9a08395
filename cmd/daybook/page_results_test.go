package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"daybook/client"
	"daybook/internal/freeaddr"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// processed uploads a file and waits for the task that works on it.
func processed(t *testing.T, c *client.Client, name, kind string, content []byte, task func(id string) client.Submit) client.Submitted {
	t.Helper()
	file, err := c.Upload(t.Context(), name, kind, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.SubmitAndWait(t.Context(), task(file.ID))
	if err != nil || done.Status != "SUCCESS" {
		t.Fatal(done, err)
	}
	return done
}

// open opens a task by its address.
func (b *tab) open(id string) {
	b.t.Helper()
	b.js(fmt.Sprintf(`location.hash = "#/tasks/%s"`, id))
	b.until("the task is shown", fmt.Sprintf(`document.querySelector("#detail code")?.textContent === %q && document.querySelector("#detail .entry")`, id))
}

// everywhere shows the page at each width and in both themes.
func (b *tab) everywhere(what string, look func(when string)) {
	b.t.Helper()
	for _, width := range []int64{1280, 390} {
		for _, theme := range []string{"light", "dark"} {
			call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
			b.do(chromedp.EmulateViewport(width, 900))
			b.frames(3)
			look(fmt.Sprintf("%s at %d, %s", what, width, theme))
			b.shootAs(fmt.Sprintf("%s-%d-%s", what, width, theme))
		}
	}
}

func TestPageSaysHowATableWasRead(t *testing.T) {
	b, server := openPage(t, 1280, 900)
	var table strings.Builder
	table.WriteString("Sales report\n\ntown;sold;day\n")
	for i := range 120 {
		fmt.Fprintf(&table, "Town %d;%d;%d/%d/2024\n", i, i, i%12+1, i%11+1)
		if i >= 60 && i < 83 {
			table.WriteString("too;many;fields;in;this;row\n")
		}
	}
	table.WriteString("Bodo;4\n")
	analyse := func(id string) client.Submit {
		return client.Submit{TaskType: "DATA_PROCESSING", Parameters: map[string]any{"file": id, "delimiter": ";"}}
	}
	done := processed(t, connect(t, server), "sales.csv", "text/csv", []byte(table.String()), analyse)
	b.open(done.ID)
	b.until("the result is shown", `document.querySelector("#detail table.columns")`)
	words := func(selector string) string {
		return eval[string](b, `[...document.querySelectorAll("#detail `+selector+`")].map((e) => e.innerText).join("\n").replace(/[\u2066-\u2069]/g, "")`)
	}
	for selector, want := range map[string]string{
		".figures":                       "Short rows\n1",
		".result-notes":                  "date_order",
		".result-more:has(.bad-rows)":    "The first 20 of 23 bad rows",
		".result-more:has(dl) > summary": "Read as semicolon between fields, with a header, utf-8, 2 lines above it skipped",
	} {
		if got := words(selector); !strings.Contains(got, want) {
			t.Errorf("%s does not say %q:\n%s", selector, want, got)
		}
	}
	if eval[bool](b, `document.querySelector("#detail .result-more[open]")`+" !== null") {
		t.Error("twenty bad rows are open unasked")
	}
	b.click("#detail .result-more:has(.bad-rows) > summary")
	b.click("#detail .result-more:has(dl) > summary")
	for selector, want := range map[string]string{
		".bad-rows li:first-child": "Line 65\n6 fields where the table has 3 columns",
		".result-more dl":          "Date order\nMDY",
	} {
		if got := words(selector); !strings.Contains(got, want) {
			t.Errorf("%s does not say %q:\n%s", selector, want, got)
		}
	}
	if n := eval[int](b, `document.querySelectorAll("#detail .bad-rows li").length`); n != 20 {
		t.Error(n, "bad rows are shown")
	}
	b.everywhere("table", b.cutsNothing)

	// A few bad rows are shown at once; nothing is said where there is nothing to say.
	few := processed(t, connect(t, server), "few.csv", "text/csv", []byte("a,b\n1,2\n3,4\n5,6,7\n8,9\n"), func(id string) client.Submit {
		return client.Submit{TaskType: "DATA_PROCESSING", Parameters: map[string]any{"file": id}}
	})
	b.open(few.ID)
	b.until("the bad row is shown", `document.querySelector("#detail .result-more[open] .bad-rows")?.innerText.includes("Line 4")`)
	if got := words(".result-notes"); got != "" {
		t.Error(got)
	}
	made, err := connect(t, server).SubmitAndWait(t.Context(), client.Submit{TaskType: "DATA_PROCESSING", Parameters: map[string]any{"rows": 50}})
	if err != nil {
		t.Fatal(err)
	}
	b.open(made.ID)
	b.until("the result of made rows is shown", `document.querySelector("#detail table.columns")`)
	if got := words(".bad-rows, #detail .result-notes"); got != "" {
		t.Error(got)
	}
}

func TestPageSaysWhatAPictureLost(t *testing.T) {
	b, server := openPage(t, 1280, 900)
	var moving bytes.Buffer
	frame := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{color.White, color.Black})
	if err := gif.EncodeAll(&moving, &gif.GIF{Image: []*image.Paletted{frame, frame, frame}, Delay: []int{5, 5, 5}}); err != nil {
		t.Fatal(err)
	}
	done := processed(t, connect(t, server), "moving.gif", "image/gif", moving.Bytes(), func(id string) client.Submit {
		return client.Submit{TaskType: "IMAGE_PROCESSING", Parameters: map[string]any{"files": []string{id}, "operation": "thumbnail"}}
	})
	b.open(done.ID)
	b.until("the note is shown", `document.querySelector("#detail .picture-note")?.innerText.includes("only the first of 3 frames")`)
	b.until("the notes are counted", `document.querySelector("#detail .figures").innerText.includes("With notes")`)
	b.everywhere("picture", b.cutsNothing)
	b.click("#detail button.picture-frame")
	b.until("the large view has it too", `(t => t.includes("40 × 30, 3 frames") && t.includes("only the first of 3"))(document.querySelector("#lightbox").innerText)`)
	b.everywhere("lightbox", b.cutsNothing)
}

func TestPageSaysThatTheLogHasDamageUntilItIsRead(t *testing.T) {
	dir := t.TempDir()
	serve := func() *process {
		return startReady(t, dir, "--addr", freeaddr.Find(t), "--data", "data", "--quiet")
	}
	first := serve()
	c := connect(t, first)
	whole, err := c.SubmitAndWait(t.Context(), client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 0}})
	if err != nil {
		t.Fatal(err)
	}
	bad, err := c.SubmitAndWait(t.Context(), client.Submit{TaskType: "SLEEP", MaxAttempts: 1, Parameters: map[string]any{"seconds": 0, "result": "payload-of-the-task"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-first.done
	log := filepath.Join(dir, "data", "log-00000000000000000001.db")
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, bytes.ReplaceAll(content, []byte("payload-of-the-task"), []byte("qayload-of-the-task")), 0o600); err != nil {
		t.Fatal(err)
	}
	second := serve()
	b := openTab(t, second.url, 1280, 900)
	b.open(bad.ID)
	b.until("the task says so", `(document.querySelector("#detail").innerText.match(/is damaged in the log/g) ?? []).length >= 2`)
	b.until("the page says so", `/damaged in the log/.test(document.querySelector("#strip:not([hidden])")?.innerText)`)
	b.everywhere("damage", b.cutsNothing)
	b.open(whole.ID)
	b.until("the notice stays", `document.querySelector("#strip:not([hidden])")`)
	b.do(chromedp.EmulateViewport(1280, 900))
	b.atRest("#strip button") // what has just come is not pressed
	b.click("#strip button")
	b.until("it has been read", `document.querySelector("#strip").hidden`)
}

func TestPageSaysThatTheServersClockWasSet(t *testing.T) {
	b, _ := openPage(t, 1280, 900)
	b.js(`import(new URL("views/strip.js", document.querySelector("script[type=module]").src)).then((m) => { window.clockStrip = new m.StripView(); })`)
	b.until("the module is there", "window.clockStrip")
	for _, c := range []struct{ clock, want string }{
		{`{behind_log_seconds: 0, last_step_seconds: -3600, last_step_at: "2026-11-24T12:00:00.000000Z"}`, "was set back by 1 h 00 min"},
		{`{behind_log_seconds: 0, last_step_seconds: 90, last_step_at: "2026-11-24T12:30:00.000000Z"}`, "was set ahead by 1 min 30 s"},
		{`{behind_log_seconds: 3600.5, last_step_seconds: null, last_step_at: null}`, "is 1 h 00 min behind the latest event"},
	} {
		b.js(`clockStrip.draw({running: 0, slots: 1, clock: ` + c.clock + `}, {node: null})`)
		if got := eval[string](b, `document.querySelector("#strip:not([hidden])")?.innerText ?? ""`); !strings.Contains(got, c.want) {
			t.Errorf("of %s it says %q", c.clock, got)
		}
	}
	b.js(`clockStrip.draw({running: 0, slots: 1, clock: {behind_log_seconds: 3600, last_step_seconds: -3600, last_step_at: "2026-11-24T12:00:00.000000Z"}}, {node: null})`)
	b.everywhere("clock", b.cutsNothing)
	b.js(`clockStrip.draw({running: 0, slots: 1, clock: {behind_log_seconds: 0, last_step_seconds: null, last_step_at: null}}, {node: null})`)
	b.until("nothing is said where there is nothing", `document.querySelector("#strip").hidden`)
}
