package main

import (
	"os"
	"testing"

	"daybook/client"

	"github.com/chromedp/chromedp"
)

// TestPageSignsInAndOut opens a task's link without a token, signs in, and loses the token.
func TestPageSignsInAndOut(t *testing.T) {
	b, server := openPage(t, 1280, 800)
	c := connect(t, server)
	task, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 600}})
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.CreateToken(t.Context(), client.Token{Name: "root", Role: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	c.Token = root.Secret
	viewer, err := c.CreateToken(t.Context(), client.Token{Name: "guest", Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.cut = true // requests are refused with 401 on purpose
	b.mu.Unlock()

	b.do(chromedp.Navigate(server.url + "/#/tasks/" + task.Task.ID))
	b.js("location.reload()")
	const signedOut = `document.readyState === "complete" && location.pathname === "/sign-in"`
	b.until("the page asks for a token", signedOut)
	b.until("the field has the focus", `document.activeElement === document.querySelector("#token")`)
	b.shootAs("asks")
	signIn := func(token string) {
		t.Helper()
		b.do(chromedp.SendKeys("#token", token), chromedp.Click(".sign-in button"))
	}
	signIn("dbk_wrong")
	b.until("it says what is wrong", `document.querySelector("#wrong")?.textContent.includes("not a whole token")`)
	b.shootAs("wrong")
	signIn(viewer.Secret)
	b.until("the task is open", `location.pathname === "/" && document.querySelector("#detail code")?.textContent === "`+task.Task.ID+`"`)
	b.until("the page is live", `document.documentElement.dataset.live === "live"`)
	b.until("it says who reads", `document.querySelector("#account-name").textContent === "guest"`)
	if eval[bool](b, `!document.querySelector("#new-task").hidden || [...document.querySelectorAll("#detail button, #rows button")].some((e) => e.checkVisibility() && /Cancel|Retry|copy/.test(e.textContent + e.ariaLabel))`) {
		t.Error("a viewer is offered what it may not do")
	}
	if eval[string](b, `document.cookie`) != "" {
		t.Error("a script can read the cookie")
	}
	b.shootAs("viewer")
	if err := c.RevokeToken(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	b.until("the page asks for a token again", signedOut)
	signIn(root.Secret)
	b.until("an admin may submit", `document.querySelector("#new-task") && !document.querySelector("#new-task").hidden && document.documentElement.dataset.role === "admin"`)
	b.until("the page is live", `document.documentElement.dataset.live === "live"`)
	b.do(chromedp.Click("#account button"))
	b.until("the page has signed out", signedOut)
	b.do(chromedp.EmulateViewport(360, 640))
	if eval[bool](b, `document.documentElement.scrollWidth > innerWidth`) {
		t.Error("the form is too wide for a phone")
	}
	b.shootAs("phone")
}

func TestOtherCommandsTakeTheTokenFromTheEnvironment(t *testing.T) {
	t.Setenv("DAYBOOK_TOKEN", "dbk_x")
	c, err := (&remote{Server: "http://127.0.0.1:1"}).connect(&stdio{err: os.Stderr})
	if err != nil || c.Token != "dbk_x" {
		t.Error(c.Token, err)
	}
}
