package sqlitelog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"daybook/eventlog"
)

// The sidecar is the witness of how far the log was acknowledged. Two slots are written
// in turn, so that one valid slot is left whatever happens to the other; they are a
// page apart, so that one torn page cannot damage both.
//
// A slot of a log that is in its first epoch does not name it: so it was before there were
// epochs, and the epoch follows from the identity of the log.
const (
	firstMagic = "daybook1"
	epochMagic = "daybook2" // the slot has an epoch before its checksum
	firstSize  = len(firstMagic) + ulidSize + 8 + eventlog.HashSize + 4
	slotSize   = firstSize + eventlog.EpochSize
	slotGap    = 4096
	slotCount  = 2
	syncPeriod = time.Second // how old the witness may be after a power cut
)

// witness is the content of one slot.
type witness struct {
	logID string
	seq   int64
	hash  eventlog.Hash
	epoch string
}

var errSlots = errors.New("neither of its two slots can be read")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (w witness) append(b []byte) []byte {
	start := len(b)
	first := w.epoch == eventlog.FirstEpoch(w.logID)
	if first {
		b = append(b, firstMagic...)
	} else {
		b = append(b, epochMagic...)
	}
	b = append(b, w.logID...)
	b = binary.BigEndian.AppendUint64(b, uint64(w.seq))
	b = append(b, w.hash[:]...)
	if !first {
		b = append(b, w.epoch...)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// parseSlot reads one slot of slotSize bytes; ok is false for one that is not whole.
func parseSlot(b []byte) (w witness, ok bool) {
	magic := string(b[:len(firstMagic)])
	if magic == firstMagic {
		b = b[:firstSize]
	} else if magic != epochMagic {
		return witness{}, false
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(sum) {
		return witness{}, false
	}
	body = body[len(magic):]
	w.logID = string(body[:ulidSize])
	w.seq = int64(binary.BigEndian.Uint64(body[ulidSize:]))
	w.hash = eventlog.Hash(body[ulidSize+8:][:eventlog.HashSize])
	if w.epoch = string(body[ulidSize+8+eventlog.HashSize:]); magic == firstMagic {
		w.epoch = eventlog.FirstEpoch(w.logID)
	}
	return w, true
}

// readWitness returns the newest slot of the sidecar and which one it is. Errors:
// os.ErrNotExist, errSlots.
func readWitness(dir string) (witness, int, error) {
	f, err := os.Open(filepath.Join(dir, sidecarName))
	if err != nil {
		return witness{}, 0, err
	}
	defer f.Close()
	var newest witness
	slot := -1
	for i := range slotCount {
		var b [slotSize]byte
		if _, err := f.ReadAt(b[:], int64(i*slotGap)); err != nil {
			if errors.Is(err, io.EOF) {
				continue
			}
			return witness{}, 0, err
		}
		if w, ok := parseSlot(b[:]); ok && (slot < 0 || w.seq > newest.seq) {
			newest, slot = w, i
		}
	}
	if slot < 0 {
		return witness{}, 0, fmt.Errorf("%s: %w", sidecarName, errSlots)
	}
	return newest, slot, nil
}

// sidecar writes the witness. It is used with Log.mu held.
type sidecar struct {
	dir    string
	file   *os.File // nil until the first write replaces what is there
	next   int      // slot of the next write
	synced time.Time
	dirty  bool
	buf    []byte
}

// openSidecar opens a sidecar whose newest slot is known.
func openSidecar(dir string, newest int) (*sidecar, error) {
	f, err := os.OpenFile(filepath.Join(dir, sidecarName), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	return &sidecar{dir: dir, file: f, next: 1 - newest, synced: time.Now()}, nil
}

// write records that the log reaches w. Once in syncPeriod it also syncs.
func (s *sidecar) write(w witness) error {
	if s.file == nil {
		return s.replace(w)
	}
	s.buf = w.append(s.buf[:0])
	if _, err := s.file.WriteAt(s.buf, int64(s.next*slotGap)); err != nil {
		return err
	}
	s.next = 1 - s.next
	s.dirty = true
	if now := time.Now(); now.Sub(s.synced) >= syncPeriod {
		s.synced = now
		return s.sync()
	}
	return nil
}

// replace makes a sidecar of which both slots say w, in one step: the next start
// finds the old one or the new one.
func (s *sidecar) replace(w witness) error {
	path := filepath.Join(s.dir, sidecarName)
	f, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	whole := make([]byte, slotCount*slotGap)
	for i := range slotCount {
		copy(whole[i*slotGap:], w.append(nil))
	}
	_, err = f.Write(whole)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		f.Close()
		return err
	}
	s.file, s.next, s.synced, s.dirty = f, 0, time.Now(), false
	return nil
}

func (s *sidecar) sync() error {
	if !s.dirty {
		return nil
	}
	s.dirty = false
	return s.file.Sync()
}

// close syncs and closes the file.
func (s *sidecar) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.sync(), s.file.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
