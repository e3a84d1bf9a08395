package textindex

import (
	"database/sql/driver"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"daybook/internal/sqlite"
)

// The alternatives of docs/adr/0008, to repeat the comparison: go test -bench FTS -docs 1000000

// BenchmarkFTS4 indexes and searches the same documents with SQLite's full-text search, contentless and
// in descending order.
func BenchmarkFTS4(b *testing.B) {
	benchFTS(b, `fts4(body, content="", matchinfo="fts3", tokenize=unicode61, order=desc)`,
		func(text []byte) string { return string(text) },
		func(q string) string { return strings.Join(strings.Fields(q), "* ") + "*" })
}

// BenchmarkFTS4Trigrams indexes every three consecutive characters as a word.
func BenchmarkFTS4Trigrams(b *testing.B) {
	benchFTS(b, `fts4(body, content="", matchinfo="fts3", tokenize=simple, order=desc)`, trigrams,
		func(q string) string {
			var phrases []string
			for _, word := range strings.Fields(q) {
				phrases = append(phrases, `"`+strings.TrimSpace(trigrams([]byte(word)))+`"`)
			}
			return strings.Join(phrases, " ")
		})
}

func trigrams(text []byte) string {
	var s scanner
	s.scan([][]byte{text})
	var all []byte
	for word := s.next(); word != nil; word = s.next() {
		for i := 0; i+3 <= len(word); i++ {
			all = append(append(all, word[i:i+3]...), ' ')
		}
	}
	return string(all)
}

func benchFTS(b *testing.B, table string, text func([]byte) string, query func(string) string) {
	path := filepath.Join(b.TempDir(), "fts.db")
	c, err := sqlite.Connect(path, "_journal_mode=WAL&_synchronous=NORMAL&_cache_size=-8192")
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	if err := c.Do("CREATE VIRTUAL TABLE t USING " + table); err != nil {
		b.Fatal(err)
	}
	fillFTS(b, c, path, text)
	find, err := c.Prepare("SELECT docid FROM t WHERE t MATCH ? ORDER BY docid DESC LIMIT 50")
	if err != nil {
		b.Fatal(err)
	}
	for _, k := range queries {
		b.Run(k.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(3, 4))
			var took []time.Duration
			cpu := spentCPU()
			for b.Loop() {
				q := query(k.query(r))
				start := time.Now()
				if err := find.Each(make([]driver.Value, 1), func() error { return nil }, q); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(start))
			}
			report(b, took, spentCPU()-cpu)
		})
	}
}

func fillFTS(b *testing.B, c *sqlite.Conn, path string, text func([]byte) string) {
	insert, err := c.Prepare("INSERT INTO t(docid, body) VALUES(?, ?)")
	if err != nil {
		b.Fatal(err)
	}
	m := newMaker()
	spent := time.Duration(0)
	for done := 0; done < *benchDocs; done += 8192 {
		docs := m.batch(8192)
		start := spentCPU()
		if err := c.Do("BEGIN"); err != nil {
			b.Fatal(err)
		}
		for i, d := range docs {
			// FTS4 accepts each number once, so use that of a document in order.
			insert.Args[0].Value, insert.Args[1].Value = int64(3*(done+i+1)), text(d.Texts[0])+" "+text(d.Texts[1])
			if err := insert.Run(); err != nil {
				b.Fatal(err)
			}
		}
		if err := c.Do("COMMIT"); err != nil {
			b.Fatal(err)
		}
		spent += spentCPU() - start
	}
	n := float64((*benchDocs + 8191) / 8192 * 8192)
	fmt.Printf("%.0f documents/s of processor time, %.1f bytes a document\n", n/spent.Seconds(), float64(size(path))/n)
}
