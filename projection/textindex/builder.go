package textindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// builder collects the words of documents in memory.
type builder struct {
	numbers []int64 // of the documents, ascending; the index of a number is the document's place
	text    []byte  // the text of all words
	words   []word
	table   []slot // hash table of words; its length is a power of two, at most half are used
	pairs   []pair
	seed    maphash.Seed

	scan   scanner
	keys   []key
	places []uint16
}

type word struct {
	at   uint32 // offset in text
	size uint8
	last int32 // place of the last document that has the word, plus one
	n    int32 // number of documents that have the word
}

type slot struct {
	hash uint32
	word int32 // index of the word plus one; 0 = free
}

// pair says that a document has a word.
type pair struct {
	word  int32
	place uint16
}

// key sorts words: by their first eight bytes, then by all bytes.
type key struct {
	head uint64
	word int32
}

// inOrder returns the indexes of the documents, sorted by number. If several have one number, only
// the last is used.
func inOrder(docs []Doc) []int32 {
	order := make([]int32, len(docs))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(docs[a].Number, docs[b].Number), cmp.Compare(b, a))
	})
	return slices.CompactFunc(order, func(a, b int32) bool { return docs[a].Number == docs[b].Number })
}

// fill adds documents until a limit is reached, at least one, and returns their number.
func (b *builder) fill(docs []Doc, order []int32, l limits) int {
	b.numbers, b.text, b.words, b.pairs = b.numbers[:0], b.text[:0], b.words[:0], b.pairs[:0]
	if b.table == nil {
		b.table, b.seed = make([]slot, 1024), maphash.MakeSeed()
	}
	clear(b.table)
	for i, d := range order {
		if i == l.docs || len(b.pairs) >= l.pairs || len(b.words) >= l.words || len(b.text) >= l.text {
			return i
		}
		b.add(docs[d])
	}
	return len(order)
}

func (b *builder) add(d Doc) {
	place := len(b.numbers)
	b.numbers = append(b.numbers, d.Number)
	b.scan.scan(d.Texts)
	for text := b.scan.next(); text != nil; text = b.scan.next() {
		i := b.find(text)
		if w := &b.words[i]; w.last != int32(place)+1 {
			w.last = int32(place) + 1
			w.n++
			b.pairs = append(b.pairs, pair{i, uint16(place)})
		}
	}
	b.scan.scan(nil)
}

// find returns the index of the word, and adds the word if it is new.
func (b *builder) find(text []byte) int32 {
	hash := uint32(maphash.Bytes(b.seed, text))
	mask := uint32(len(b.table) - 1)
	at := hash & mask
	for ; b.table[at].word != 0; at = (at + 1) & mask {
		if b.table[at].hash == hash {
			if i := b.table[at].word - 1; string(b.of(&b.words[i])) == string(text) {
				return i
			}
		}
	}
	i := int32(len(b.words))
	b.words = append(b.words, word{at: uint32(len(b.text)), size: uint8(len(text))})
	b.text = append(b.text, text...)
	b.table[at] = slot{hash, i + 1}
	if 2*len(b.words) > len(b.table) {
		b.grow()
	}
	return i
}

func (b *builder) of(w *word) []byte { return b.text[w.at : w.at+uint32(w.size)] }

func (b *builder) grow() {
	old := b.table
	b.table = make([]slot, 2*len(old))
	mask := uint32(len(b.table) - 1)
	for _, s := range old {
		if s.word == 0 {
			continue
		}
		at := s.hash & mask
		for b.table[at].word != 0 {
			at = (at + 1) & mask
		}
		b.table[at] = s
	}
}

// each calls fn with every word in ascending order, and the places of its documents, ascending.
func (b *builder) each(fn func(word []byte, places []uint16) error) error {
	b.sort()
	b.places = slices.Grow(b.places[:0], len(b.pairs))[:len(b.pairs)]
	end := int32(0)
	for i := range b.words { // last becomes the index of its next place
		b.words[i].last = end
		end += b.words[i].n
	}
	for _, p := range b.pairs {
		w := &b.words[p.word]
		b.places[w.last] = p.place
		w.last++
	}
	for _, k := range b.keys {
		w := &b.words[k.word]
		if err := fn(b.of(w), b.places[w.last-w.n:w.last]); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) sort() {
	b.keys = b.keys[:0]
	for i := range b.words {
		var head [8]byte
		copy(head[:], b.of(&b.words[i]))
		b.keys = append(b.keys, key{binary.BigEndian.Uint64(head[:]), int32(i)})
	}
	slices.SortFunc(b.keys, func(x, y key) int {
		if x.head != y.head {
			return cmp.Compare(x.head, y.head)
		}
		return bytes.Compare(b.of(&b.words[x.word]), b.of(&b.words[y.word]))
	})
}

// shrink frees memory that only a large Add needs.
func (b *builder) shrink() {
	if cap(b.pairs) > 1<<16 && len(b.pairs) < 1<<13 {
		*b = builder{}
	}
}
