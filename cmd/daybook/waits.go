package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"daybook/client"
)

// waits says why a task waits: all reasons, the first one first.
func waits(w *client.WaitingFor) string {
	all := []string{waitReason(w)}
	for i := range w.Also {
		all = append(all, waitReason(&w.Also[i]))
	}
	return strings.Join(all, "; ")
}

func waitReason(w *client.WaitingFor) string {
	var detail struct {
		Until          *time.Time
		Attempt        int
		Running, Slots int
		TaskID         string `json:"task_id"`
		Limit          int
		Key            string
		Ahead          int
		Step           string
		Names          []string
		AheadRelation  string   `json:"ahead_relation"`
		WaitingOn      []string `json:"waiting_on"`
		Open           int
	}
	_ = json.Unmarshal(w.Raw, &detail) // what is not there stays zero
	switch {
	case w.Reason == "run_at" && detail.Until != nil:
		return "until " + clock(*detail.Until)
	case w.Reason == "sleep" && detail.Until != nil:
		return "sleeps until " + clock(*detail.Until)
	case w.Reason == "children":
		return fmt.Sprintf("%d children", detail.Open)
	case w.Reason == "signal" || w.Reason == "approval":
		what := "the answer of a person to " + detail.Step
		if w.Reason == "signal" {
			what = "event " + oneLine(strings.Join(detail.Names, ", "))
		}
		if detail.Until != nil {
			what += ", until " + clock(*detail.Until)
		}
		return what
	case w.Reason == "backoff" && detail.Until != nil && detail.Attempt > 0:
		return fmt.Sprintf("attempt %d failed, next at %s", detail.Attempt, clock(*detail.Until))
	case w.Reason == "backoff" && detail.Until != nil:
		return "next attempt at " + clock(*detail.Until)
	case w.Reason == "capacity" && detail.Slots > 0:
		return fmt.Sprintf("all %d slots are busy", detail.Slots)
	case w.Reason == "capacity":
		return "the workers that run its type are busy"
	case w.Reason == "dependencies":
		names := detail.Names
		if names == nil { // from a server of an older version
			names = detail.WaitingOn
		}
		return someOf(names, detail.Open) + " must end first"
	case w.Reason == "workflow":
		return "its workflow has not started"
	case w.Reason == "unique":
		return "a task with the same unique key runs: " + detail.TaskID
	case w.Reason == "concurrency_key":
		return fmt.Sprintf("%d of %d tasks with the key %s run", detail.Running, detail.Limit, oneLine(detail.Key))
	case w.Reason == "rate_limit" && detail.Until != nil && detail.Key != "":
		return fmt.Sprintf("rate limit of the key %s, until %s", oneLine(detail.Key), clock(*detail.Until))
	case w.Reason == "rate_limit" && detail.Until != nil:
		return "rate limit, until " + clock(*detail.Until)
	case w.Reason == "worker":
		return "no worker runs tasks of this type"
	case w.Reason == "unrecorded":
		return "nothing in the log held it; which slots and workers had room is not in the log"
	case w.Reason == "turn":
		return aheadText(detail.Ahead, detail.AheadRelation == "gte")
	}
	return strings.ReplaceAll(w.Reason, "_", " ")
}

// someOf names the first of so many tasks.
func someOf(names []string, open int) string {
	const most = 3
	text := oneLine(strings.Join(names[:min(len(names), most)], ", "))
	if more := open - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// aheadText says how many tasks come first, or at least do.
func aheadText(n int, more bool) string {
	least := ""
	if more {
		least = "at least "
	}
	if n == 1 {
		return least + "1 task comes first"
	}
	return fmt.Sprintf("%s%d tasks come first", least, n)
}
