package sqlitelog

import (
	"errors"
	"log/slog"
)

// Options configure Open. Dir must be set.
type Options struct {
	Dir string // folder of the log; made when it is not there

	// ID is the identity of the log, a ULID: one that is made gets it, and one that is there must have
	// it, else ErrOther. "" = a new log gets one of its own.
	ID string

	// Epoch is the epoch of a log that is made; "" = its first one.
	Epoch string

	// AcceptLoss opens a log that has lost acknowledged events, or whose witness is gone.
	// Log.Loss says what is missing. The witness is rewritten by the next append.
	AcceptLoss bool

	// LookFirst opens a log that is there for reading only, without a change to the folder,
	// until Log.StartWriting is called: its caller checks what it needs, and a start that
	// is refused changes nothing.
	LookFirst bool

	// Replica says that what is appended is on the disks of other machines already, and can be copied from
	// them again: AppendCopied does not wait for the disk. Sync does, and an append once a second. After a power cut the log may
	// lack its last events, which is no loss.
	Replica bool

	Logger *slog.Logger // nil = slog.Default()

	// MinFree is how many bytes of the disk are kept for entries with Reserve.
	// 0 = 64 MiB; negative = none.
	MinFree int64

	RingEvents int   // recent events kept in memory, at most; 0 = 65,536
	RingBytes  int64 // and their size in bytes, at most; 0 = 64 MiB
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("open log: no folder was given")
	}
	if o.RingEvents < 0 || o.RingBytes < 0 {
		return o, errors.New("open log: the ring of recent events cannot have less than nothing")
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.MinFree == 0 {
		o.MinFree = 64 << 20
	}
	if o.RingEvents == 0 {
		o.RingEvents = 1 << 16
	}
	if o.RingBytes == 0 {
		o.RingBytes = 64 << 20
	}
	return o, nil
}
