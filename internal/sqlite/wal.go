//go:build cgo

package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrWAL: the WAL of a database is not as it was written.
var ErrWAL = errors.New("the WAL is damaged")

const (
	walHeader   = 32
	frameHeader = 24
)

// CheckWAL checks the WAL that a process which did not close the database at path left
// behind. It comes before the database is opened. SQLite itself takes a frame that does
// not fit its checksum for the end of the WAL; but the pages of frames behind it may lie
// in the database already, which then is a mixture of two states. A WAL of which the last
// write was cut short by a crash may be found damaged too. Errors: ErrWAL, those of reading.
func CheckWAL(path string, pageSize int) error {
	f, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = checkFrames(bufio.NewReaderSize(f, 1<<20), pageSize)
	return errors.Join(err, f.Close())
}

// walSum is the checksum of a WAL, which goes on from frame to frame.
type walSum struct {
	order binary.ByteOrder
	a, b  uint32
}

func (s *walSum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		s.a += s.order.Uint32(b) + s.b
		s.b += s.order.Uint32(b[4:]) + s.a
	}
}

// is reports whether the checksum is the one that b begins with; either way it goes on from
// that one.
func (s *walSum) is(b []byte) bool {
	a, c := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	same := s.a == a && s.b == c
	s.a, s.b = a, c
	return same
}

func checkFrames(r io.Reader, pageSize int) error {
	header := make([]byte, walHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return cutShort(err)
	}
	s := walSum{order: binary.LittleEndian}
	magic := binary.BigEndian.Uint32(header)
	if magic&1 != 0 {
		s.order = binary.BigEndian
	}
	s.add(header[:24])
	if magic&^1 != 0x377f0682 || !s.is(header[24:]) || binary.BigEndian.Uint32(header[8:]) != uint32(pageSize) {
		return fmt.Errorf("%w: its header cannot be read", ErrWAL)
	}
	salt := string(header[16:24])
	frame := make([]byte, frameHeader+pageSize)
	for n, over := 0, false; ; n++ {
		if _, err := io.ReadFull(r, frame); err != nil {
			return cutShort(err)
		}
		s.add(frame[:8])
		s.add(frame[frameHeader:])
		fits, ours := s.is(frame[16:]), string(frame[8:16]) == salt
		switch {
		case over && ours, !over && ours != fits:
			return fmt.Errorf("%w: frame %d does not fit its checksum", ErrWAL, n)
		case !ours:
			over = true // what follows is left over from before the WAL restarted
		}
	}
}

// cutShort is the error of reading, unless it was only the end.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// FormatOf reads what the database at path says of itself, application_id and user_version,
// without opening it in SQLite and unchecked. It must not be open in this process. Of a file
// that is shorter both are 0.
func FormatOf(path string) (application, version uint32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	header := make([]byte, 72)
	if _, err = io.ReadFull(f, header); err == nil {
		version, application = binary.BigEndian.Uint32(header[60:]), binary.BigEndian.Uint32(header[68:])
	}
	return application, version, errors.Join(cutShort(err), f.Close())
}
