package textindex

// A prefix of very many words of a segment has its own row with the
// documents of all of them: else a query of one letter would read half the segment.
// Words that share a prefix are neighbours, and the prefixes are the nodes of the tree
// that the words make, so the rows are written while the words go by. Of two prefixes
// that begin the same words only the longer is written: the first row at or after a
// prefix is the row of it, or there is none.

// maxLog is how many places a tree keeps before it counts them into its nodes.
const maxLog = 1 << 16

// tree finds the prefixes of at least a given number of words.
type tree struct {
	heavy int
	open  []node   // from the root down to what the last word lies under
	log   []uint16 // places not yet counted into a bitmap, by node
	last  []byte   // word
	spare []*bitmap
	write func(prefix []byte, of *bitmap) error
}

// node is a prefix whose words are going by.
type node struct {
	depth int // bytes of the prefix
	words int
	from  int     // where its places begin in the log; they end where those of the next node do
	docs  *bitmap // nil: none yet
}

// put takes the next word and its places.
func (t *tree) put(word []byte, places []uint16) error {
	if len(t.open) == 0 {
		t.open = append(t.open, node{})
	}
	shared := common(t.last, word)
	if err := t.close(shared); err != nil {
		return err
	}
	t.last = append(t.last[:0], word...)
	if shared == 0 { // no prefix has these any more
		t.log = t.log[:0]
		if b := t.open[0].docs; b != nil {
			t.spare = append(t.spare, b)
		}
		t.open[0] = node{}
	}
	// The word is a separate node until it is known what it shares with the next.
	t.open = append(t.open, node{depth: len(word), words: 1, from: len(t.log)})
	t.log = append(t.log, places...)
	if len(t.log) > maxLog {
		t.count()
	}
	return nil
}

// close ends the nodes that are longer than the prefix, and opens one for the prefix.
func (t *tree) close(shared int) error {
	for {
		top := len(t.open) - 1
		n := t.open[top]
		if n.depth <= shared {
			return nil
		}
		if n.words >= t.heavy {
			t.count()
			n = t.open[top]
			if err := t.write(t.last[:n.depth], n.docs); err != nil {
				return err
			}
		}
		above := &t.open[top-1]
		if above.depth < shared {
			t.open[top].depth = shared // goes on as the shorter prefix
			return nil
		}
		above.words += n.words
		if n.docs != nil {
			if above.docs == nil {
				above.docs = n.docs
			} else {
				above.docs.or(n.docs)
				t.spare = append(t.spare, n.docs)
			}
		}
		t.open = t.open[:top]
	}
}

// count moves the log into the bitmaps of the nodes.
func (t *tree) count() {
	end := len(t.log)
	for i := len(t.open) - 1; i >= 0; i-- {
		n := &t.open[i]
		if n.from < end && n.depth > 0 {
			if n.docs == nil {
				n.docs = t.bitmap()
			}
			for _, p := range t.log[n.from:end] {
				n.docs.set(int(p))
			}
		}
		end, n.from = n.from, 0
	}
	t.log = t.log[:0]
}

func (t *tree) bitmap() *bitmap {
	if n := len(t.spare); n > 0 {
		b := t.spare[n-1]
		t.spare = t.spare[:n-1]
		clear(b[:])
		return b
	}
	return new(bitmap)
}
