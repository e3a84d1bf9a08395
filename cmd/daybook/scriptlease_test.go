package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptPost sends JSON to the latest server, as curl does.
func scriptPost(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: post PATH BODY")
	}
	postOf(ts, args[0], args[1])
}

func postOf(ts *testscript.TestScript, path, body string) []byte {
	answer, err := http.Post(ts.Getenv("DAYBOOK_SERVER")+path, "application/json", strings.NewReader(body))
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	if answer.StatusCode/100 != 2 {
		ts.Fatalf("POST %s %s: %s %s", path, body, answer.Status, text)
	}
	return text
}

// scriptLease leases a task of a type as a worker does, and sets TOKEN and ID.
func scriptLease(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: lease TYPE")
	}
	var answer struct {
		Leases []struct {
			Token string
			Task  struct{ ID string }
		}
	}
	ts.Check(json.Unmarshal(postOf(ts, "/api/leases", `{"worker":"w","task_types":["`+args[0]+`"],"max":1,"wait_seconds":20}`), &answer))
	if len(answer.Leases) != 1 {
		ts.Fatalf("no task of the type %s is ready", args[0])
	}
	ts.Setenv("TOKEN", answer.Leases[0].Token)
	ts.Setenv("ID", answer.Leases[0].Task.ID)
}
