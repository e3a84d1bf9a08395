package projection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"daybook/eventlog"
)

// Newer is the error of a log with an event that this version of Daybook does not know. It wraps
// ErrNewer.
type Newer struct {
	Seq  int64  // of the event
	Type string // of the event
	V    int    // the schema version of its data
	By   string // the version of Daybook that wrote it; "" = not known
}

func (n *Newer) Error() string {
	by, what := "a newer Daybook", "install the newest version"
	if n.By != "" {
		by, what = "Daybook "+n.By, "install that version or a newer one"
	}
	return fmt.Sprintf("this log was written by %s: %s. Nothing was changed. Event %d, %s in schema version %d, is unknown to this version", by, what, n.Seq, n.Type, n.V)
}

// Unwrap gives ErrNewer to errors.Is.
func (n *Newer) Unwrap() error { return ErrNewer }

// named is err, or the *Newer in it with the version of Daybook that wrote the event.
func named(ctx context.Context, log eventlog.Log, err error) error {
	n, ok := errors.AsType[*Newer](err)
	if !ok {
		return err
	}
	n.By = writerOf(ctx, log, n.Seq)
	return n // what wraps it has its text already
}

// writerOf is the version of Daybook that wrote an event: the one that the latest server.started up
// to it names, "" if none does.
func writerOf(ctx context.Context, log eventlog.Log, seq int64) (version string) {
	const first = 1 << 12
	for length := int64(first); version == ""; length *= 16 {
		from := max(seq-length, 0)
		err := log.Scan(ctx, from, func(raw *eventlog.Event) error {
			if raw.Type == "server.started" {
				var data struct{ Version string }
				if json.Unmarshal(raw.Data, &data) == nil {
					version = data.Version
				}
			}
			if raw.Seq >= seq {
				return errFound
			}
			return nil
		})
		if from == 0 || err != nil && !errors.Is(err, errFound) {
			break
		}
	}
	return version
}

// errFound ends a scan that has seen enough.
var errFound = errors.New("found")
