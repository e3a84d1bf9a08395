package eventlogtest

import (
	"testing"

	"daybook/eventlog"
)

func testEpoch(t *testing.T, open Open) {
	other, _ := open(t)
	log, reopen := open(t)
	epoch := log.Epoch()
	if !eventlog.IsEpoch(epoch) || epoch != eventlog.FirstEpoch(log.ID()) {
		t.Errorf("the epoch of a new log is %q, want %q", epoch, eventlog.FirstEpoch(log.ID()))
	}
	if other.Epoch() == epoch {
		t.Errorf("two logs are both in epoch %q", epoch)
	}
	for n := range int64(3) {
		add(t, log, event("task:a", n+1))
		if now := log.Epoch(); now != epoch {
			t.Errorf("epoch %q became %q after %d events", epoch, now, n+1)
		}
		log = reopen()
		if now := log.Epoch(); now != epoch {
			t.Errorf("epoch %q became %q when the log was opened again", epoch, now)
		}
	}
}
