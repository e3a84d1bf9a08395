package projection

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"daybook/task"
)

// The error names the version that the latest start before the event says, however far back it is.
func TestALogFromTheFutureNamesTheVersionThatWroteIt(t *testing.T) {
	for _, between := range []int{0, 1, 5000} {
		l := newLedger(t)
		l.other("server.started", 1, `{"version":"0.1.0"}`)
		l.submit(task.Submit{})
		l.other("server.started", 2, `{"version":"1.4.0"}`)
		for range between {
			l.submit(task.Submit{})
		}
		future := len(l.events) + 1
		l.submit(task.Submit{})
		l.other("server.started", 3, `{"version":"2.0.0"}`)
		l.events[future-1].V = 99
		log := tape{events: l.events}
		_, rebuild := Rebuild(t.Context(), log, nil)
		_, check := Check(t.Context(), log)
		for _, err := range []error{rebuild, check} {
			newer, ok := errors.AsType[*Newer](err)
			if !ok || !errors.Is(err, ErrNewer) || newer.By != "1.4.0" || newer.Seq != int64(future) {
				t.Fatalf("with %d events between: %v", between, err)
			}
			for _, part := range []string{"Daybook 1.4.0", "install that version or a newer one", fmt.Sprintf("Event %d", future), "task.submitted in schema version 99"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v does not say %q", err, part)
				}
			}
		}
	}
}
