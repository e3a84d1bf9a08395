package main

import (
	"encoding/json"
	"testing"
	"time"

	"daybook/client"
)

func TestTheTimesOfAnEventCanBeParsed(t *testing.T) {
	at := time.Date(2026, 11, 30, 19, 22, 25, 0, time.UTC)
	micros, err := json.Marshal(at.UnixMicro())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"run_at", "retry_at", "until", "clock"} {
		got := facts(&client.Event{Data: json.RawMessage(`{"` + name + `":` + string(micros) + `}`)})
		if want := name + "=" + at.Local().Format(time.RFC3339); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
}
