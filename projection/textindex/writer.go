package textindex

import (
	"context"
	"errors"

	"daybook/internal/sqlite"
)

// limits are the limits of a segment and of the memory to build it. Tests use small ones.
type limits struct {
	docs  int   // of a segment, at most maxDocs
	bytes int64 // of the rows of a merged segment
	pairs int   // of word and document, in memory
	words int   // in memory
	text  int   // bytes of these words
	fan   int   // number of segments of one size that are merged into one
	heavy int   // number of words from which on a prefix has a row
}

var defaultLimits = limits{docs: maxDocs, bytes: 32 << 20, pairs: 1 << 19, words: 1 << 17, text: 2 << 20, fan: 8, heavy: 2048}

// sealed reports whether a segment is too large to be merged. Two segments that are not sealed always
// fit into one.
func (l limits) sealed(g segment) bool { return g.docs > l.docs/2 || g.bytes > l.bytes/2 }

// tier is the logarithm of the size of a segment to the base of the fan.
func (l limits) tier(g segment) (n int) {
	for docs := l.fan; docs <= g.docs; docs *= l.fan {
		n++
	}
	return n
}

// writer is the only connection that writes. Only the goroutine that calls Add uses it.
type writer struct {
	c      *sqlite.Conn
	limits limits
	state  *state // of the last commit
	b      builder

	segment, numbers, block, places, word, prefix, through, overlap *sqlite.Stmt
	drop                                                            []*sqlite.Stmt
	read                                                            reader
}

func openWriter(path, owner string, l limits) (*writer, *state, error) {
	c, err := connectWriter(path, owner)
	if err != nil {
		return nil, nil, err
	}
	w := &writer{c: c, limits: l}
	if w.state, err = load(c, w.limits); err == nil {
		err = w.prepare()
	}
	if err != nil {
		return nil, nil, errors.Join(err, c.Close())
	}
	return w, w.state, nil
}

func (w *writer) close() error { return w.c.Close() }

func (w *writer) prepare() error {
	for sql, s := range map[string]**sqlite.Stmt{
		"INSERT INTO segments(id, age, docs, blocks, lowest, highest, bytes, firsts) VALUES(?,?,?,?,?,?,?,?)":                  &w.segment,
		"INSERT INTO numbers(id, body) VALUES(?,?)":                                                                            &w.numbers,
		"INSERT INTO blocks(id, body) VALUES(?,?)":                                                                             &w.block,
		"INSERT INTO places(id, body) VALUES(?,?)":                                                                             &w.places,
		"INSERT INTO words(segment, first, block) VALUES(?,?,?)":                                                               &w.word,
		"INSERT INTO prefixes(segment, prefix, form, places) VALUES(?,?,?,?)":                                                  &w.prefix,
		"SELECT id, age, docs, blocks, lowest, highest, bytes FROM segments WHERE highest >= ?1 AND lowest <= ?2 ORDER BY age": &w.overlap,
		"UPDATE meta SET through = ?":                                                                                          &w.through,
	} {
		var err error
		if *s, err = w.c.Prepare(sql); err != nil {
			return notThere(err)
		}
	}
	for _, sql := range [...]string{
		"DELETE FROM segments WHERE id = ?1 >> 20",
		"DELETE FROM prefixes WHERE segment = ?1 >> 20",
		"DELETE FROM words WHERE segment = ?1 >> 20",
		"DELETE FROM blocks WHERE id BETWEEN ?1 AND ?1 + 1048575",
		"DELETE FROM places WHERE id BETWEEN ?1 AND ?1 + 1048575",
		"DELETE FROM numbers WHERE id BETWEEN ?1 AND ?1 + 1048575",
	} {
		s, err := w.c.Prepare(sql)
		if err != nil {
			return notThere(err)
		}
		w.drop = append(w.drop, s)
	}
	return w.read.prepare(w.c)
}

// add runs one transaction. The state changes only if it is committed.
func (w *writer) add(ctx context.Context, docs []Doc, through int64) (*state, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := w.c.Do("BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	next := *w.state
	next.open = append([]segment(nil), w.state.open...)
	next.through = through
	docs, erased := splitErased(docs)
	err := w.erase(ctx, &next, erased)
	if err == nil {
		err = w.build(ctx, &next, docs)
	}
	if err == nil {
		w.through.Args[0].Value = through
		err = w.through.Run()
	}
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = w.c.Do("COMMIT")
	}
	w.b.shrink()
	if err != nil {
		if !w.c.AutoCommit() {
			err = errors.Join(err, w.c.Do("ROLLBACK"))
		}
		return nil, err
	}
	w.state = &next
	return w.state, nil
}

// build writes the documents as segments, in the order of their numbers, and merges what is due after
// each segment.
func (w *writer) build(ctx context.Context, s *state, docs []Doc) error {
	order := inOrder(docs)
	for len(order) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := w.b.fill(docs, order, w.limits)
		g, err := w.write(s, s.next)
		if err != nil {
			return err
		}
		if w.limits.sealed(g) {
			if err := w.mergeAll(ctx, s); err != nil {
				return err
			}
			s.open = s.open[:0]
		} else {
			s.open = append(s.open, g)
		}
		if err := w.mergeDue(ctx, s); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

// write writes the content of the builder as one segment.
func (w *writer) write(s *state, age int64) (segment, error) {
	out := w.begin(s, age, len(w.b.numbers))
	err := w.b.each(out.put)
	if err != nil {
		return segment{}, err
	}
	return out.finish(w.b.numbers)
}
