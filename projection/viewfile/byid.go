package viewfile

import (
	"bytes"
	"strconv"
	"strings"
)

// narrowByID takes out of room.found what has no id of the match. Ids rise with
// submit seqs as a rule, so that most chunks lie wholly inside or outside; only in one
// that does not are the ids themselves looked at.
func (r *Reader) narrowByID(m *match, chunk int64) error {
	zone, err := r.zone.row(r.dest[:2], chunk)
	if err != nil {
		return err
	}
	if !zone {
		return damaged("a zone is missing")
	}
	least, most := bytesOf(r.dest[0]), bytesOf(r.dest[1])
	if bytes.Compare(m.least[:], least) <= 0 && bytes.Compare(m.most[:], most) >= 0 {
		return nil
	}
	inside := &r.room.other
	*inside = set{}
	if bytes.Compare(m.least[:], most) <= 0 && bytes.Compare(m.most[:], least) >= 0 {
		if err := r.idsIn(inside, m, chunk, least, most); err != nil {
			return err
		}
	}
	r.room.found.and(inside)
	return nil
}

// idsIn adds to s the tasks of the chunk with an id of the match. All ids of the chunk
// lie in least … most. The index has them in one place when ids rise with submit
// seqs; when it has too many there, the chunk is read.
func (r *Reader) idsIn(s *set, m *match, chunk int64, least, most []byte) error {
	const tooMany = chunkSize + 1
	if bytes.Compare(m.least[:], least) > 0 {
		least = m.least[:]
	}
	if bytes.Compare(m.most[:], most) < 0 {
		most = m.most[:]
	}
	if _, err := r.idsBetween.row(r.dest[:2], least, most, int64(tooMany)); err != nil {
		return err
	}
	if intOf(r.dest[1]) == tooMany {
		base := chunk << chunkBits
		if _, err := r.idsOfChunk.row(r.dest[:1], base, base+chunkSize-1, least, most); err != nil {
			return err
		}
	}
	return s.addList(r.dest[0], chunk)
}

// addList adds the seqs of a list with commas that lie in the chunk.
func (s *set) addList(list any, chunk int64) error {
	text, _ := list.(string)
	for text != "" {
		var number string
		number, text, _ = strings.Cut(text, ",")
		seq, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return err
		}
		if chunkOf(seq) == chunk {
			s.add(uint16(seq))
		}
	}
	return nil
}
