package viewfile

import (
	"encoding/binary"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

func appendLinks(dst []byte, l *task.Links) []byte {
	u := &l.Unique
	dst = appendText(dst, u.Key)
	for _, n := range []task.Micros{u.For, u.From, u.Since} {
		dst = binary.AppendVarint(dst, int64(n))
	}
	for _, id := range []ulid.ULID{u.Behind, l.RetryOf, l.RetriedAs, l.ReplacedBy} {
		dst = append(dst, id[:]...)
	}
	return dst
}

func (in *input) links() *task.Links {
	l := new(task.Links)
	u := &l.Unique
	u.Key = string(in.text())
	for _, n := range []*task.Micros{&u.For, &u.From, &u.Since} {
		*n = task.Micros(in.varint())
	}
	for _, id := range []*ulid.ULID{&u.Behind, &l.RetryOf, &l.RetriedAs, &l.ReplacedBy} {
		copy(id[:], in.take(uint64(len(id))))
	}
	return l
}
