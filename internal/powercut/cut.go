package powercut

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Options say how a recording is cut.
type Options struct {
	Cuts        int    // how many: one after all that happened, the others at random
	AfterSaid   bool   // one more right after each time the program has said something; all unsynced writes are lost
	Seed        uint64 // of where, and of what is lost
	IgnoreSyncs bool   // as if no sync ever did anything: the control, which must lose
	// Journal is whether names become safe as on ext4, XFS and Btrfs: a sync of any file makes safe all names that were made, changed and removed before it.
	// NATS relies on that: it makes folders and files without syncing the folders that they are in.
	Journal bool
	Temp    string // folder for the disks, each removed after its check
}

// Cut is the disk after one power cut.
type Cut struct {
	Dir  string   // what the disk holds
	Said [][]byte // what the program had said by then
	Fate Fate
	At   int // events before the cut, of Of
	Of   int
}

// Each calls check for each cut, in the order of time, and goes on until all were checked or an
// error is one of the recording itself.
func (r *Recording) Each(o Options, check func(Cut)) error {
	random := rand.New(rand.NewPCG(o.Seed, 1))
	type place struct {
		at   int
		fate Fate
	}
	var places []place
	for i := range o.Cuts {
		at := 1 + random.IntN(len(r.events))
		if i == 0 {
			at = len(r.events)
		}
		places = append(places, place{at, Fate(i) % fates})
	}
	for i := range r.events {
		if o.AfterSaid && r.events[i].kind == said {
			places = append(places, place{i + 1, Lost})
		}
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	d := newDisk(o.IgnoreSyncs)
	d.journal = o.Journal
	var heard [][]byte
	done := 0
	for i, cut := range places {
		for ; done < cut.at; done++ {
			e := &r.events[done]
			if e.kind == said {
				heard = append(heard, e.data)
			}
			if err := d.step(e); err != nil {
				return err
			}
		}
		c := Cut{Dir: filepath.Join(o.Temp, fmt.Sprint("cut", i)), Said: heard, Fate: cut.fate, At: done, Of: len(r.events)}
		if err := d.lay(c.Dir, c.Fate, random); err != nil {
			return err
		}
		check(c)
		if err := os.RemoveAll(c.Dir); err != nil {
			return err
		}
	}
	return nil
}

// Events is how many there are.
func (r *Recording) Events() int { return len(r.events) }
