package textindex

import (
	"bytes"
	"database/sql/driver"
	"encoding/binary"
	"io"

	"daybook/internal/sqlite"
)

// reader reads segments over one connection.
type reader struct {
	c *sqlite.Conn

	segments, firsts, numbers, seek, blocks, places, prefix *sqlite.Stmt
	row                                                     [1]driver.Value // receives the value of a query
}

func (r *reader) prepare(c *sqlite.Conn) error {
	r.c = c
	for sql, s := range map[string]**sqlite.Stmt{
		"SELECT id, age, docs, blocks, lowest, highest, bytes FROM segments WHERE lowest < ? ORDER BY highest DESC": &r.segments,
		"SELECT firsts FROM segments WHERE id = ? + 0":                                                              &r.firsts,
		"SELECT body FROM numbers WHERE id = ? + 0":                                                                 &r.numbers,
		"SELECT block FROM words WHERE segment = ? + 0 AND first <= ? ORDER BY first DESC LIMIT 1":                  &r.seek,
		"SELECT body FROM blocks WHERE id = ? + 0":                                                                  &r.blocks,
		"SELECT prefix, form, places FROM prefixes WHERE segment = ? + 0 AND prefix >= ? ORDER BY prefix LIMIT 1":   &r.prefix,
		"SELECT body FROM places WHERE id = ? + 0":                                                                  &r.places,
	} {
		var err error
		if *s, err = c.Prepare(sql); err != nil {
			return notThere(err)
		}
	}
	return nil
}

// body returns the blob of the only row of a query, after checking its checksum.
func (r *reader) body(s *sqlite.Stmt, id int64) ([]byte, error) {
	body, err := r.value(s, id)
	if err != nil {
		return nil, err
	}
	blob, _ := body.([]byte)
	return unseal(blob)
}

// value returns the first value of the only row of a query.
func (r *reader) value(s *sqlite.Stmt, args ...driver.Value) (driver.Value, error) {
	rows, err := s.Query(args...)
	if err != nil {
		return nil, err
	}
	if err = rows.Next(r.row[:]); err == io.EOF {
		err = damaged("a row is missing")
	}
	if ended := rows.Close(); err == nil {
		err = ended
	}
	return r.row[0], err
}

// readNumbers appends the document numbers of a row of numbers.
func (r *reader) readNumbers(dst []int64, segment int64, row int) ([]int64, error) {
	body, err := r.body(r.numbers, segment<<rowBits|int64(row))
	if err != nil {
		return dst, err
	}
	n, size := binary.Varint(body)
	if size <= 0 {
		return dst, damaged("numbers end too soon")
	}
	dst = append(dst, n)
	for body = body[size:]; len(body) > 0; body = body[size:] {
		var d uint64
		if d, size = binary.Uvarint(body); size <= 0 {
			return dst, damaged("numbers end too soon")
		}
		n += int64(d)
		dst = append(dst, n)
	}
	return dst, nil
}

// placesOf returns the encoded places of the current word of b.
func (r *reader) placesOf(b *blockReader, segment int64) ([]byte, error) {
	if !b.form.far() {
		return b.near, nil
	}
	return r.body(r.places, segment<<rowBits|int64(b.row))
}

// ofPrefix adds the documents of all words with the prefix to the set, and returns true, if the segment
// has a row for that prefix.
func (r *reader) ofPrefix(set *bitmap, g segment, prefix []byte) (ok bool, err error) {
	var row [3]driver.Value
	rows, err := r.prefix.Query(g.id, prefix)
	if err != nil {
		return false, err
	}
	err = rows.Next(row[:])
	if ended := rows.Close(); err == nil {
		err = ended
	}
	longer, _ := row[0].([]byte)
	if err == io.EOF || err == nil && !bytes.HasPrefix(longer, prefix) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	f, _ := row[1].(int64)
	at, _ := row[2].(int64)
	body, err := r.body(r.places, g.id<<rowBits|at)
	if err != nil {
		return false, err
	}
	return true, set.add(form(f), body, g.docs)
}

// cursor iterates over the words of a segment.
type cursor struct {
	blockReader
	r     *reader
	g     segment
	block int64 // index of the next block
}

// from sets the cursor to the block with the first word that is not less than the given one. The
// block may begin with lesser words.
func (r *reader) from(c *cursor, g segment, word []byte) error {
	c.r, c.g, c.rest, c.block = r, g, nil, 0
	if g.blocks == 0 || len(word) == 0 {
		return nil
	}
	block, err := r.value(r.seek, g.id, word)
	c.block, _ = block.(int64)
	return err
}

// next reads the next word, and returns false after the last one.
func (c *cursor) next() (bool, error) {
	for {
		if ok, err := c.blockReader.next(); ok || err != nil {
			return ok, err
		}
		if c.block == c.g.blocks {
			return false, nil
		}
		body, err := c.r.body(c.r.blocks, c.g.id<<rowBits|c.block)
		if err != nil {
			return false, err
		}
		c.open(body)
		c.block++
	}
}
