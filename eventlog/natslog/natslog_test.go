package natslog_test

import (
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/eventlogtest"
)

// Each test of the suite opens the log again in the same folder, then in an empty one.
func TestTheLogPassesTheSuite(t *testing.T) {
	for name, fresh := range map[string]bool{"in the same folder": false, "in an empty folder": true} {
		t.Run(name, func(t *testing.T) {
			eventlogtest.Run(t, func(t *testing.T) (eventlog.Log, func() eventlog.Log) {
				_, js := lone(t)
				dir := t.TempDir()
				log := open(t, js, dir)
				return log, func() eventlog.Log {
					if err := log.Close(); err != nil {
						t.Fatal(err)
					}
					if fresh {
						dir = t.TempDir()
					}
					log = open(t, js, dir)
					return log
				}
			})
		})
	}
}
