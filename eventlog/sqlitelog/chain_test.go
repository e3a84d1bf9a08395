package sqlitelog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"daybook/eventlog"
)

// Whichever event was changed, all that read the chain name it: the first and the last too.
func TestAChangedEventIsNamedWhereverItIs(t *testing.T) {
	const events = 6
	for seq := int64(1); seq <= events; seq++ {
		for name, read := range map[string]func(*Log) error{
			"scan": func(l *Log) error { _, err := scanAll(t.Context(), l); return err },
			"scan from the event before": func(l *Log) error {
				return l.Scan(t.Context(), seq-1, func(*eventlog.Event) error { return nil })
			},
			"check": func(l *Log) error { return l.Check(t.Context(), CheckOptions{Share: 1}) },
			"verify": func(l *Log) error {
				a, err := eventlog.Verify(t.Context(), l, events, nil)
				if a.Seq != seq-1 {
					t.Errorf("event %d was changed, and %d are said to be whole", seq, a.Seq)
				}
				return err
			},
		} {
			log := open(t, Options{Dir: t.TempDir()})
			must(t, appendN(t.Context(), log, events))
			must(t, log.writer.c.Do(fmt.Sprintf("DROP TRIGGER events_update; UPDATE events SET actor = 'mallory' WHERE seq = %d", seq)))
			if err := read(log); !errors.Is(err, eventlog.ErrDamaged) || !strings.Contains(err.Error(), fmt.Sprintf("event %d ", seq)) {
				t.Errorf("%s: event %d was changed: %v", name, seq, err)
			}
			must(t, log.Close())
		}
	}
}
