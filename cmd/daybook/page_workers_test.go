package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// leaseOne asks for one task of a type, as a worker does, and returns its token and its parameters.
func leaseOne(t *testing.T, server, taskType string) (token string, parameters map[string]json.Number) {
	t.Helper()
	body := `{"worker":"w-1","task_types":["` + taskType + `"],"max":1,"wait_seconds":0,"lease_seconds":60}`
	answer, err := http.Post(server+"/api/leases", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct {
		Leases []struct {
			Token string
			Task  struct{ Parameters map[string]json.Number }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	if len(got.Leases) == 0 {
		return "", nil
	}
	return got.Leases[0].Token, got.Leases[0].Task.Parameters
}

func TestPageSubmitsATaskOfAWorkersTypeAndShowsItsWorker(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	server := process.url
	leaseOne(t, server, "greet") // makes the type known, after the page was opened
	b.js(`document.querySelector("#new-task").click()`)
	b.until("the new type is offered", `document.querySelector('#form input[value="greet"]')`)
	b.js(`document.querySelector('#form input[value="greet"]').click()`)
	b.fill("/parameters", "[1]")
	b.js(`document.querySelector("#form button[type=submit]").click()`)
	b.until("the field says that it takes an object", `document.querySelector('#form [data-pointer="/parameters"] .field-error:not([hidden])')?.textContent.includes("JSON object")`)
	b.js(`(() => { const field = document.querySelector('#form [data-pointer="/parameters"] textarea'); field.value = ""; field.dispatchEvent(new Event("input", { bubbles: true })); })()`)
	b.fill("/parameters", `{"n":9007199254740993}`)
	b.js(`document.querySelector("#form button[type=submit]").click()`)
	b.until("the task is open", `location.hash.startsWith("#/tasks/")`)
	id := eval[string](b, `location.hash.slice(8, 34)`)
	token, parameters := leaseOne(t, server, "greet")
	if token == "" || parameters["n"] != "9007199254740993" {
		t.Fatalf("the worker got %q with %v", token, parameters)
	}
	b.untilStatus(id, "RUNNING")
	b.until("the panel names the worker", `document.querySelector("#detail .facts").innerText.includes("w-1")`)
	b.until("the history names the worker", `document.querySelector("#detail .timeline").innerText.includes("w-1")`)
	b.until("it has written no lines", `document.querySelector("#detail .log-box").hidden && document.querySelector("#detail").innerText.includes("call.Log()")`)
	writes := func(lines string) {
		t.Helper()
		sendJSON(t, "POST", server+"/api/leases/"+token+"/log", "["+lines+"]")
	}
	list := `[...document.querySelectorAll("#detail .log-box li")]`
	writes(`{"text":"greeting\n  \u001b[1mAda","attributes":{"n":9007199254740993}}`)
	b.until("a line is pushed, with the digits of its numbers", list+`.length === 1 && `+list+`[0].textContent.includes("n=9007199254740993")`)
	writes(strings.Repeat(`{"text":"step"},`, 500) + `{"level":"error","text":"nobody answers"}`)
	b.until("all are pushed, and the box follows them", list+`.length === 502 && (() => { const box = document.querySelector("#detail .log-box"); return box.scrollTop + box.clientHeight > box.scrollHeight - 30 })()`)
	b.shootAs("log")
	b.js(`const level = document.querySelector('#detail .log-filter'); level.value = "warn"; level.dispatchEvent(new Event("change"))`)
	b.until("only errors are shown", list+`.length === 1 && `+list+`[0].dataset.level === "error"`)
	b.js(`location.hash = "#/"`)
	b.until("the task is closed", `document.querySelector("#detail").hidden`)
	b.js(`location.hash = "#/tasks/` + id + `"`)
	b.until("the latest lines are loaded", list+`.length === 200 && document.querySelector("#detail").innerText.includes("latest 200 lines")`)
	b.js(`document.querySelector("#detail .log-box").scrollTop = 0`)
	b.until("earlier ones are loaded on scroll", list+`.length > 200`)
	b.cutsNothing("the lines of a task")
	b.shoot()
	answer, err := http.Post(server+"/api/leases/"+token+"/complete", "application/json", strings.NewReader(`{"result":{"ok":true},"outcome":"1 greeting"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b.untilStatus(id, "SUCCESS")
	b.until("the list shows the outcome", `document.querySelector('[data-id="`+id+`"]')?.innerText.includes("1 greeting")`)
}

func TestPageDrawsItsFormFromADeclaredType(t *testing.T) {
	b, process := openPage(t, 1280, 800)
	declare := func(schema string) {
		t.Helper()
		sendJSON(t, "PUT", process.url+"/api/task-types/poster", `{"title":"Poster","description":"Prints a poster.","parameters_schema":`+schema+
			`,"defaults":{"queue":"printers","max_attempts":2}}`)
	}
	field := func(pointer string) string {
		return `document.querySelector('#form [data-pointer="/parameters/` + pointer + `"]')`
	}
	declare(`{"type":"object","required":["width"],"properties":{"width":{"type":"integer","minimum":10,"title":"Width in mm"}}}`)
	b.js(`document.querySelector("#new-task").click()`)
	b.until("the type is offered by its title", `document.querySelector('#form input[value="poster"]')?.parentElement.innerText.includes("Poster")`)
	b.js(`document.querySelector('#form input[value="poster"]').click()`)
	b.until("its fields are drawn", field("width")+`?.innerText.includes("Width in mm") && document.querySelector("#form").innerText.includes("Prints a poster.")`)
	declare(`{"type":"object","required":["width"],"properties":{"width":{"type":"integer","minimum":10,"title":"Width in mm"},"paper":{"enum":["matt","gloss"],"default":"gloss"}}}`)
	b.js(`document.querySelector("#form button[aria-label=Close]").click()`)
	b.js(`document.querySelector("#new-task").click()`)
	b.until("the fields of the new declaration are drawn", field("paper"))
	b.fill("/parameters/width", "5")
	b.js(`document.querySelector("#form button[type=submit]").click()`)
	b.until("the schema refuses a small poster", field("width")+`.querySelector(".field-error:not([hidden])")?.textContent.includes("10")`)
	b.js(`(() => { const input = ` + field("width") + `.querySelector("input"); input.value = "500"; input.dispatchEvent(new Event("input", { bubbles: true })); })()`)
	b.js(`document.querySelector("#form button[type=submit]").click()`)
	b.until("the task is open", `location.hash.startsWith("#/tasks/")`)
	id := eval[string](b, `location.hash.slice(8, 34)`)
	got := getText(t, process.url+"/api/tasks/"+id)
	for _, want := range []string{`"width":500`, `"paper":"gloss"`, `"queue":"printers"`, `"max_attempts":2`} {
		if !strings.Contains(got, want) {
			t.Errorf("the task has no %s: %s", want, got)
		}
	}
}
