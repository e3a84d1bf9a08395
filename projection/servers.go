package projection

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"daybook/eventlog"
	"daybook/task"
)

// serverEvents are the events of a server's stream. There is one stream for each start of it.
var serverEvents = map[string]int{
	"server.started":       1,
	"server.stopped":       1,
	"server.loss_accepted": 1,
	"server.led":           1,
}

// keptServerRuns is how many of the latest starts of the server are kept.
const keptServerRuns = 16

// ServerRun is one start of the server and how that ended.
type ServerRun struct {
	Boot      string      `json:"boot"`    // a ULID: its attempts carry it too
	Version   string      `json:"version"` // of the program
	StartedAt task.Micros `json:"started_at"`
	StoppedAt task.Micros `json:"stopped_at"` // 0: there was no regular stop. It runs, was killed or crashed
}

// Lead is who decides what is appended to the log of a cluster. The zero value: nobody has led.
type Lead struct {
	Node  string      `json:"node"` // its name
	Term  int64       `json:"term"` // how many have led, from 1
	Boot  string      `json:"boot"` // of the server stream that says so
	Seq   int64       `json:"seq"`  // of the event
	Since task.Micros `json:"since"`
}

// servers is the fold of server streams.
type servers struct {
	Runs []ServerRun `json:"runs"` // the latest last
	Lead *Lead       `json:"lead,omitempty"`
}

func (s *servers) apply(e *eventlog.Event) error {
	_, boot, _ := strings.Cut(e.Stream, ":")
	switch e.Type {
	case "server.started":
		var data struct {
			Version string `json:"version"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		if n := len(s.Runs); n >= keptServerRuns {
			s.Runs = slices.Delete(s.Runs, 0, n-keptServerRuns+1)
		}
		s.Runs = append(s.Runs, ServerRun{Boot: strings.Clone(boot), Version: data.Version, StartedAt: task.Micros(e.At)})
	case "server.led":
		var lead Lead
		if err := json.Unmarshal(e.Data, &lead); err != nil {
			return fmt.Errorf("%w: %s: %w", task.ErrData, e.Type, err)
		}
		lead.Boot, lead.Seq, lead.Since = strings.Clone(boot), e.Seq, task.Micros(e.At)
		s.Lead = &lead
	case "server.stopped":
		for i := range s.Runs {
			if s.Runs[i].Boot == boot {
				s.Runs[i].StoppedAt = task.Micros(e.At)
			}
		}
	}
	return nil
}

// ServerRuns returns the latest starts of the server, at most 16, the latest last.
func (v *Views) ServerRuns() []ServerRun {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return slices.Clone(foldIn[*servers](v.streams).Runs)
}

// Lead returns who leads the cluster.
func (v *Views) Lead() Lead {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if lead := foldIn[*servers](v.streams).Lead; lead != nil {
		return *lead
	}
	return Lead{}
}
