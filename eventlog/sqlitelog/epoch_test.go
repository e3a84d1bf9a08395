package sqlitelog

import (
	"encoding/hex"
	"testing"

	"daybook/eventlog"
)

// A loss that is accepted gives out seqs again: whoever holds one of before must notice.
func TestEveryAcceptedLossBeginsAnEpochThatStays(t *testing.T) {
	for _, c := range losses(t) {
		t.Run(c.name, func(t *testing.T) {
			image := crashed(t, 40)
			seen := map[string]bool{"": true}
			if before, _, err := readWitness(imageDir(t, image)); err == nil {
				seen[before.epoch] = true
			}
			c.spoil(t, image)
			for range 2 { // the same loss twice
				dir := imageDir(t, image)
				for range 2 { // and another one after it
					log := open(t, Options{Dir: dir, AcceptLoss: true})
					epoch := log.Epoch()
					if log.Loss() == nil || !eventlog.IsEpoch(epoch) || seen[epoch] || epoch == eventlog.FirstEpoch(log.ID()) {
						t.Fatalf("loss %v, epoch %q, seen before: %v", log.Loss(), epoch, seen[epoch])
					}
					seen[epoch] = true
					for range 3 {
						must(t, appendN(t.Context(), log, 2))
						if log.Epoch() != epoch {
							t.Errorf("epoch %q became %q", epoch, log.Epoch())
						}
						must(t, log.Close())
						log = open(t, Options{Dir: dir})
					}
					if offline := openReadOnly(t, log, dir); offline.Epoch() != epoch {
						t.Errorf("offline the epoch is %q, want %q", offline.Epoch(), epoch)
					} else {
						must(t, offline.Close())
					}
					lost := files(t, dir)
					delete(lost, sidecarName)
					write(t, dir, lost)
				}
			}
		})
	}
}

// openReadOnly closes log and opens it offline.
func openReadOnly(t *testing.T, log *Log, dir string) *Log {
	t.Helper()
	must(t, log.Close())
	offline, err := OpenReadOnly(t.Context(), dir)
	must(t, err)
	t.Cleanup(func() { must(t, offline.Close()) })
	return offline
}

// imageDir returns a folder with these files.
func imageDir(t *testing.T, image map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, image)
	return dir
}

// Slots as they were before there were epochs: this test is never edited.
func TestAnOldWitnessIsReadAndWrittenAsItWas(t *testing.T) {
	const old = "646179626f6f6b3130314a445a5836543030303030303030303030303030303030300000000000000007000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f03c08851"
	w := witness{logID: "01JDZX6T000000000000000000", seq: 7, epoch: eventlog.FirstEpoch("01JDZX6T000000000000000000")}
	for i := range w.hash {
		w.hash[i] = byte(i)
	}
	if got := hex.EncodeToString(w.append(nil)); got != old {
		t.Errorf("slot %s", got)
	}
	slot, err := hex.DecodeString(old)
	must(t, err)
	if got, ok := parseSlot(append(slot, make([]byte, slotSize-len(slot))...)); !ok || got != w {
		t.Errorf("%+v, %v", got, ok)
	}
}

func TestNoBitOfASlotCanBeWrong(t *testing.T) {
	for _, epoch := range []string{eventlog.FirstEpoch("01JDZX6T000000000000000000"), "3FZK2Q"} {
		w := witness{logID: "01JDZX6T000000000000000000", seq: 1 << 40, hash: eventlog.Hash{1, 2, 3}, epoch: epoch}
		slot := w.append(nil)
		whole := append(slot, make([]byte, slotSize-len(slot))...)
		if got, ok := parseSlot(whole); !ok || got != w {
			t.Errorf("%+v, %v", got, ok)
		}
		for bit := range 8 * len(slot) {
			whole[bit/8] ^= 1 << (bit % 8)
			if got, ok := parseSlot(whole); ok {
				t.Errorf("bit %d is wrong and the slot says %+v", bit, got)
			}
			whole[bit/8] ^= 1 << (bit % 8)
		}
	}
}
