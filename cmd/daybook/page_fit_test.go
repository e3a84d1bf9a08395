package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"daybook/client"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// What is one line of a row by design, or a text of any length in a field: it may be longer
// than there is room for. The panel has it whole.
const mayBeCut = `.row .line, .row .tag, .row .tag *, .row .more-queue, .row .c-queue, input, .sr, .sr *, svg *`

// cutsNothing fails for what is cut: parts that are wider than the box that shows them.
func (b *tab) cutsNothing(when string) {
	b.t.Helper()
	all := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll("body *")].filter((e) =>
		e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1 && e.checkVisibility({ visibilityProperty: true })
		&& getComputedStyle(e).overflowX !== "visible" && getComputedStyle(e).clipPath === "none" && !e.matches(%q)
	).map((e) => e.tagName + "." + e.className + "#" + e.id + " " + e.scrollWidth + " > " + e.clientWidth)`, mayBeCut))
	if len(all) > 0 {
		b.t.Errorf("%s, cut: %s", when, strings.Join(slices.Compact(all), ", "))
	}
	out := eval[[]string](b, `[...document.querySelectorAll(".top *, .toolbar *, .row-action, .detail-actions *, dialog[open] *")].filter((e) => {
		const r = e.getBoundingClientRect();
		return r.width > 1 && e.checkVisibility({ visibilityProperty: true }) && !e.closest(".sr") && (r.right > innerWidth + 1 || r.left < -1);
	}).map((e) => e.tagName + "." + e.className)`)
	if len(out) > 0 {
		b.t.Errorf("%s, outside the window: %s", when, strings.Join(slices.Compact(out), ", "))
	}
	ages := eval[[]string](b, `[...document.querySelectorAll("tr.row .c-created")].flatMap((cell) => {
		const part = cell.querySelector("time"), now = part.textContent;
		const cut = ["59 min ago", "2026-11-29"].filter((age) => { part.textContent = age; return cell.checkVisibility() && cell.scrollWidth > cell.clientWidth; });
		part.textContent = now;
		return cut;
	})`)
	if len(ages) > 0 {
		b.t.Errorf("%s, an older task's age is cut: %s", when, strings.Join(slices.Compact(ages), ", "))
	}
	nameless := eval[[]string](b, `[...document.querySelectorAll("button, a, summary")].filter((e) =>
		e.checkVisibility({ visibilityProperty: true }) && !(e.ariaLabel || e.innerText.trim())).map((e) => e.outerHTML.slice(0, 120))`)
	if len(nameless) > 0 {
		b.t.Errorf("%s, without a name: %s", when, strings.Join(nameless, ", "))
	}
	b.fits(when)
}

// varied submits tasks whose texts are long, and in both directions, and waits for their end.
func varied(t *testing.T, c *client.Client) (table, mail, failed client.Submitted) {
	t.Helper()
	csv := "harbour,depth,שם הנמל\n"
	for i := range 60 {
		csv += fmt.Sprintf("Harbour %d with a name that is long,%d.5,ערך %d\n", i%7, i, i%3)
	}
	file, err := c.Upload(t.Context(), "שלום (1).csv", "text/csv", strings.NewReader(csv))
	if err != nil {
		t.Fatal(err)
	}
	tags := []string{"nightly", "שלום 12", "a-tag-that-is-longer-than-the-others", "fourth"}
	end := func(s client.Submit) client.Submitted {
		s.Tags = tags
		done, err := c.SubmitAndWait(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return done
	}
	table = end(client.Submit{TaskType: "DATA_PROCESSING", Parameters: map[string]any{"file": file.ID}})
	mail = end(client.Submit{TaskType: "EMAIL_SIMULATION", Parameters: map[string]any{
		"recipients": []string{"ann@example.com", "someone.with.a.long.name@a-long-name-of-a-domain.example.org"}, "subject": "שלום", "body": "x"}})
	failed = end(client.Submit{TaskType: "IMAGE_PROCESSING", Queue: "a-queue-with-a-rather-long-name", MaxAttempts: 1,
		Parameters: map[string]any{"files": []string{file.ID}}, IdempotencyKey: "מפתח 12"})
	for range 4 {
		if _, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", Tags: tags, Parameters: map[string]any{"seconds": 3600}}); err != nil {
			t.Fatal(err)
		}
	}
	return table, mail, failed
}

func TestPageCutsNothingAtAnyWidth(t *testing.T) {
	b, server := openPage(t, 1440, 900)
	table, mail, failed := varied(t, connect(t, server))
	b.until("all are listed", `document.querySelectorAll("#rows tr.row").length === 7`)
	for _, width := range []int64{320, 390, 768, 1024, 1440} {
		b.do(chromedp.EmulateViewport(width, 900))
		at := func(what string) string { return fmt.Sprintf("%s at %d", what, width) }
		b.frames(3)
		b.cutsNothing(at("the list"))
		b.until("queue and tags are there", `[...document.querySelectorAll("#rows tr.row :is(.c-queue, .more-queue)")].some((e) => e.checkVisibility() && e.textContent === "a-queue-with-a-rather-long-name")
			&& [...document.querySelectorAll("#rows tr.row .tag")].some((e) => e.checkVisibility())`)
		b.js(`history.replaceState(null, "", "#/?status=WRONG&colour=blue"); dispatchEvent(new PopStateEvent("popstate"))`)
		b.until("it says what is wrong", `document.querySelector("#empty:not([hidden])")?.innerText.includes("WRONG")`)
		b.cutsNothing(at("a wrong address"))
		for _, one := range []client.Submitted{table, mail, failed} {
			b.js(fmt.Sprintf(`history.replaceState(null, "", "#/tasks/%s"); dispatchEvent(new PopStateEvent("popstate"))`, one.ID))
			b.until("the task is shown", fmt.Sprintf(`document.querySelector("#detail code")?.textContent === %q && document.querySelector("#detail .entry")`, one.ID))
			b.cutsNothing(at(one.TaskType))
		}
		b.js(`history.replaceState(null, "", "#/"); dispatchEvent(new PopStateEvent("popstate"))`)
		b.until("the list is back", `document.querySelector("#detail").hidden && document.querySelectorAll("#rows tr.row").length > 3`)
		for _, taskType := range []string{"DATA_PROCESSING", "SLEEP"} {
			b.form(taskType)
			b.js(`document.querySelector("#form details").open = true`)
			b.cutsNothing(at("the form of " + taskType))
			b.js(`document.querySelector("#form").close()`)
		}
		b.do(chromedp.KeyEvent("?"))
		b.until("the keys are shown", `document.querySelector("#keys[open]")`)
		b.cutsNothing(at("the keys"))
		b.js(`document.querySelector("#keys").close()`)
	}
}

// What the places count makes the top of the page wider.
func TestTheTopOfThePageFitsAtEveryWidth(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	varied(t, connect(t, server))
	for _, counted := range []bool{false, true} {
		if counted {
			b.js(`for (const a of document.querySelectorAll("#places :is([data-place=approvals], [data-place=alerts])")) {
				const badge = document.createElement("span");
				badge.className = "place-count";
				badge.textContent = " 888";
				a.append(badge);
			}`)
		}
		for width := int64(320); width <= 1600; width += 20 {
			b.do(chromedp.EmulateViewport(width, 800))
			b.frames(2)
			b.cutsNothing(fmt.Sprintf("%d wide, with counts: %v", width, counted))
		}
	}
}

func TestPageShowsItsStateInForcedColours(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	waits := submitSome(t, &remote{Server: server.url}, map[string]string{"waits": `{"seconds":3600}`, "other": `{"seconds":3600}`})["waits"]
	b.untilStatus(waits, "RUNNING")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "forced-colors", Value: "active"}}})
	b.js(fmt.Sprintf(`location.hash = "#/tasks/%s"`, waits))
	b.until("it is open", row(waits)+`.ariaSelected === "true"`)
	for what, pair := range map[string][2]string{
		"the chosen tab":      {`[document.querySelector("#tabs [aria-current]"), "background-color"]`, `[document.querySelector("#tabs :not([aria-current])"), "background-color"]`},
		"the bar":             {`[document.querySelector("#rows .bar"), "background-color"]`, `[document.querySelector("#rows .bar > i"), "background-color"]`},
		"the bar's ground":    {`[document.querySelector("#rows .bar"), "border-top-color"]`, `[document.querySelector("#scroller"), "background-color"]`},
		"the selected row":    {`[document.querySelector("#rows [aria-selected] td"), "border-left-width"]`, `[document.querySelector("#rows tr.row:not([aria-selected], [data-cursor]) td"), "border-left-width"]`},
		"a slot that is busy": {`[document.querySelector("#pips .on"), "background-color"]`, `[document.querySelector("#pips i:not(.on)"), "background-color"]`},
	} {
		same := fmt.Sprintf(`(([a, p], [b, q]) => getComputedStyle(a)[p] === getComputedStyle(b)[q])(%s, %s)`, pair[0], pair[1])
		b.until(what+" can be seen", "!"+same)
	}
}

// TestPageIsolatesWhatUsersWrite: text that runs from right to left does not reorder what
// stands beside it.
func TestPageIsolatesWhatUsersWrite(t *testing.T) {
	b, server := openPage(t, 1280, 900)
	table, mail, failed := varied(t, connect(t, server))
	b.until("all are listed", `document.querySelectorAll("#rows tr.row").length === 7`)
	b.isolated("the list")
	for _, one := range []client.Submitted{table, mail, failed} {
		b.js(fmt.Sprintf(`location.hash = "#/tasks/%s"`, one.ID))
		b.until("the task is shown", fmt.Sprintf(`document.querySelector("#detail code")?.textContent === %q && document.querySelector("#detail .entry")`, one.ID))
		b.isolated(one.TaskType)
	}
	b.js(`for (const e of document.querySelectorAll("#detail .column-name")) e.click()`)
	b.isolated("the figures of columns")
	b.js(`location.hash = "#/?tag=" + encodeURIComponent("שלום 12")`)
	b.until("the filter is shown", `document.querySelector(".chosen-chip")`)
	b.isolated("a filter")
	b.js(`location.hash = "#/?status=" + encodeURIComponent("שלום")`)
	b.until("it says what is wrong", `document.querySelector("#empty:not([hidden])")?.innerText.includes("שלום")`)
	b.isolated("a wrong address")
	b.js(`location.hash = "#/?q=" + encodeURIComponent("אין")`)
	b.until("it says that nothing was found", `document.querySelector("#empty:not([hidden])")?.innerText.includes("אין")`)
	b.isolated("a search")
}

// isolated fails for Hebrew that shares a run of text with other words.
func (b *tab) isolated(where string) {
	b.t.Helper()
	all := eval[[]string](b, `(() => {
		const rtl = /[\u0590-\u05ff]/, fenced = /\u2068[^\u2068\u2069]*\u2069/g, out = [];
		const strip = (s) => { for (let was; was !== s; ) { was = s; s = s.replace(fenced, ""); } return s; };
		const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
		for (let n = walk.nextNode(); n; n = walk.nextNode()) {
			if (n.nodeType === Node.TEXT_NODE) {
				const bare = strip(n.data);
				const style = getComputedStyle(n.parentElement);
				if (rtl.test(bare) && style.unicodeBidi === "normal") out.push("text " + n.parentElement.outerHTML.slice(0, 160));
				continue;
			}
			for (const name of ["title", "aria-label"]) {
				const words = strip(n.getAttribute(name) ?? "");
				if (rtl.test(words) && /[a-z]{3}/i.test(words)) out.push(name + " " + words);
			}
		}
		return out;
	})()`)
	if len(all) > 0 {
		b.t.Errorf("%s: %s", where, strings.Join(all, "\n"))
	}
}
