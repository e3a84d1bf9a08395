package textindex

// A prefix of very many words of a segment has a row with the documents of all these words. Without
// it, a query of one letter would read half the segment.
//
// Words arrive sorted, so words with a common prefix are neighbours. The prefixes are the nodes of
// the trie of the words, and a node is complete, and its row written, when the first word without
// its prefix arrives. Of two prefixes of the same words only the longer one is written. To find the
// row of a prefix, read the first row at or after it: it is the right one if it has the prefix, and
// otherwise there is none.

// maxPlaces is the maximum number of places that a tree keeps before it adds them to its nodes.
const maxPlaces = 1 << 16

// tree finds the prefixes that at least a given number of words have.
type tree struct {
	heavy  int      // number of words from which on a prefix is written
	open   []node   // from the root to the last word
	places []uint16 // not yet in a bitmap, grouped by node
	last   []byte   // word
	spare  []*bitmap
	write  func(prefix []byte, of *bitmap) error
}

// node is a prefix that the last word has.
type node struct {
	depth int     // length of the prefix
	words int     // number of words with it so far
	from  int     // index of its first place in tree.places; they end where those of the next node begin
	docs  *bitmap // its other places; nil = none
}

// put adds the next word and its places.
func (t *tree) put(word []byte, places []uint16) error {
	if len(t.open) == 0 {
		t.open = append(t.open, node{})
	}
	shared := common(t.last, word)
	if err := t.close(shared); err != nil {
		return err
	}
	t.last = append(t.last[:0], word...)
	if shared == 0 { // no open prefix has these places
		t.places = t.places[:0]
		if b := t.open[0].docs; b != nil {
			t.spare = append(t.spare, b)
		}
		t.open[0] = node{}
	}
	// The word is a node of its full length until the next word shows what they share.
	t.open = append(t.open, node{depth: len(word), words: 1, from: len(t.places)})
	t.places = append(t.places, places...)
	if len(t.places) > maxPlaces {
		t.count()
	}
	return nil
}

// close ends the nodes that are longer than the shared prefix, and opens one for that prefix.
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
			t.open[top].depth = shared // continues as the shorter prefix
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

// count moves the places into the bitmaps of the nodes.
func (t *tree) count() {
	end := len(t.places)
	for i := len(t.open) - 1; i >= 0; i-- {
		n := &t.open[i]
		if n.from < end && n.depth > 0 {
			if n.docs == nil {
				n.docs = t.bitmap()
			}
			for _, p := range t.places[n.from:end] {
				n.docs.set(int(p))
			}
		}
		end, n.from = n.from, 0
	}
	t.places = t.places[:0]
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
