package files

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
)

// blockSize is how many bytes of a file are checked together.
const blockSize = 256 << 10

// blocksOf is how many blocks a file has.
func blocksOf(size int64) int64 { return (size + blockSize - 1) / blockSize }

// sumsOf is how many bytes the hashes of a file's blocks have. The only block of a file has
// the file's own.
func sumsOf(size int64) int {
	if size <= blockSize {
		return 0
	}
	return int(blocksOf(size)) * sha256.Size
}

// blockSums hashes the blocks of a file that streams by.
type blockSums struct {
	hash hash.Hash
	n    int // bytes of the block that is open
	all  []byte
}

func (b *blockSums) add(p []byte) {
	for len(p) > 0 {
		some := p[:min(len(p), blockSize-b.n)]
		b.hash.Write(some)
		p = p[len(some):]
		if b.n += len(some); b.n == blockSize {
			b.end()
		}
	}
}

func (b *blockSums) end() {
	b.all, b.n = b.hash.Sum(b.all), 0
	b.hash.Reset()
}

// sums returns the hashes of the blocks of a file that has ended with that size.
func (b *blockSums) sums(size int64) []byte {
	if b.n > 0 {
		b.end()
	}
	return b.all[:sumsOf(size)]
}

// reading is a file that is open. It gives bytes of blocks alone that it has checked.
type reading struct {
	f  *os.File
	d  description
	at int64

	block  []byte // the one that was read last
	number int64  // of it
}

func (r *reading) Close() error { return r.f.Close() }

// Seek sets where the next Read begins.
func (r *reading) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.d.Size
	}
	if offset < 0 {
		return r.at, errors.New("seek before the beginning of a file")
	}
	r.at = offset
	return offset, nil
}

// Read reads what lies ahead in one block. A block that is not as it was is ErrDamaged.
func (r *reading) Read(p []byte) (int, error) {
	number := r.at / blockSize
	if r.at >= r.d.Size && (r.d.Size > 0 || r.block != nil) {
		return 0, io.EOF
	}
	if r.block == nil || r.number != number {
		if err := r.load(number); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.block[r.at-number*blockSize:])
	if r.at += int64(n); n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// load reads and checks a block.
func (r *reading) load(number int64) error {
	size := min(r.d.Size-number*blockSize, blockSize)
	if cap(r.block) < int(size) || r.block == nil {
		r.block = make([]byte, size)
	}
	r.block, r.number = r.block[:size], number
	_, err := r.f.ReadAt(r.block, number*blockSize)
	if err != nil && !errors.Is(err, io.EOF) {
		r.block = nil
		return fmt.Errorf("read file %s: %w", r.d.ID, err)
	}
	sum := sha256.Sum256(r.block)
	if want := r.sum(number); err != nil && size > 0 || string(sum[:]) != want {
		r.block = nil
		return &DamagedError{r.d.ID, r.d.Name}
	}
	return nil
}

// sum is what the hash of a block is to be.
func (r *reading) sum(number int64) string {
	if len(r.d.Blocks) == 0 {
		id, _ := hex.DecodeString(r.d.ID) // which is valid
		return string(id)
	}
	return string(r.d.Blocks[number*sha256.Size:][:sha256.Size])
}
