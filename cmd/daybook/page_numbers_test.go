package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestPageKeepsTheDigitsOfNumbers(t *testing.T) {
	const digits = `[9007199254740993,1.0,1e300,0.1000,-0,123456789012345678901234567890]`
	b, server := openPage(t, 1280, 900)
	ids := submitSome(t, &remote{Server: server.url}, map[string]string{"a": `{"seconds":0,"result":{"kept":` + digits + `}}`})
	b.untilStatus(ids["a"], "SUCCESS")
	b.js(fmt.Sprintf(`navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve() }; location.hash = "#/tasks/%s"`, ids["a"]))
	shown := `[...document.querySelectorAll("#detail .json-number")].map((e) => e.textContent)`
	b.until("parameters and result are there", `document.querySelectorAll("#detail .json details").length >= 2`)
	b.js(`for (const d of document.querySelectorAll("#detail .json details")) d.open = true`)
	b.until("the numbers are shown", shown+`.length >= 12`)
	for _, n := range strings.Split(strings.Trim(digits, "[]"), ",") {
		if !eval[bool](b, fmt.Sprintf(`%s.filter((n) => n === %q).length >= 2`, shown, n)) {
			t.Errorf("%s is not shown so in parameters and result: %v", n, eval[[]string](b, shown))
		}
	}
	for _, what := range []string{"result", "parameters"} {
		b.js(`window.copied = ""`)
		b.click(fmt.Sprintf(`#detail [aria-label="Copy %s"]`, what))
		b.until("it is copied", `window.copied !== ""`)
		if copied := strings.Join(strings.Fields(eval[string](b, "window.copied")), ""); !strings.Contains(copied, digits) {
			t.Errorf("the %s is copied as %s", what, copied)
		}
	}
	b.js(`[...document.querySelectorAll("#detail .detail-actions button")].find((b) => b.textContent === "Submit a copy").click()`)
	b.until("the form is filled", `document.querySelector('dialog#form[open] [data-pointer="/parameters/result"] textarea')?.value.includes("9007199254740993")`)
	again := b.submit()
	if again == ids["a"] {
		t.Fatal("no new task")
	}
	b.untilStatus(again, "SUCCESS")
	if text := getText(t, server.url+"/api/tasks/"+again); strings.Count(text, digits) != 2 {
		t.Errorf("submitted again it is %s", text)
	}
}
