package sqlitelog

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"daybook/eventlog"
)

// filesWith are the files of a folder that have the text.
func filesWith(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

func TestNoFileHasAnErasedPayload(t *testing.T) {
	for name, o := range map[string]Options{"of a node": {Replica: true}, "alone": {}} {
		t.Run(name, func(t *testing.T) {
			const events = 2000
			o.Dir = t.TempDir()
			log, err := Open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = log.Close() }()
			var entries []eventlog.Entry
			for i := range events {
				e := &eventlog.Event{Stream: "task:a", Version: int64(i + 1), Type: "task.submitted", V: 1, Actor: "a", Data: []byte("{}")}
				e.Payload = fmt.Appendf(nil, "\"marker-%d-%s\"", 1-min(i%10, 1), bytes.Repeat([]byte{'x'}, (i%7)*10))
				if i%100 < 2 { // in several pages
					e.Payload = bytes.Repeat(e.Payload[:len(e.Payload)-1], 3000)
					e.Payload = append(bytes.ReplaceAll(e.Payload, []byte{'"'}, []byte{'x'}), '"')
					e.Payload[0] = '"'
				}
				entries = append(entries, eventlog.Entry{Events: []*eventlog.Event{e}})
			}
			for _, r := range log.Append(t.Context(), entries) {
				if r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			if n := filesWith(t, o.Dir, "marker-0"); len(n) == 0 {
				t.Fatal("the text is in no file before it is erased")
			}
			var told []int64
			log.OnErased(func(seqs []int64) { told = append(told, seqs...) })
			var seqs []int64
			for seq := int64(1); seq <= events; seq++ {
				if seq%10 != 1 {
					seqs = append(seqs, seq)
				}
			}
			for some := range slices.Chunk(seqs, 1000) { // rows that a DELETE moves are erased later
				if err := log.ErasePayloads(t.Context(), some...); err != nil {
					t.Fatal(err)
				}
			}
			if names := filesWith(t, o.Dir, "marker-0"); names != nil {
				t.Errorf("%v have what was erased", names)
			}
			if names := filesWith(t, o.Dir, "marker-1"); names == nil {
				t.Error("what was not erased is gone")
			}
			if len(told) != len(seqs) {
				t.Errorf("%d erasures were told", len(told))
			}
			if body, err := log.Payload(t.Context(), 11); err != nil || !bytes.Contains(body, []byte("marker-1")) {
				t.Errorf("payload 11: %s, %v", body, err)
			}
		})
	}
}
