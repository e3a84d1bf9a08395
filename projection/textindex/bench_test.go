package textindex

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	benchDocs = flag.Int("docs", 100_000, "number of documents in the index that is searched; 10000000 take 2 GB and some minutes")
	benchDir  = flag.String("dir", "", "folder in which the index is kept for the next run")
)

// maker generates documents like those of tasks: parameters with an e-mail address, an order number and
// a hexadecimal id, and a result, or for one in twenty an error.
type maker struct {
	r    *rand.Rand
	seq  int64
	text []byte
}

var (
	names  = strings.Fields("anna ben clara david emma felix greta hans ida jonas klara leon mia noah olga paul rosa simon tina uwe vera willi yara zoe")
	hosts  = strings.Fields("example.com example.org mail.example.net shop.example.de post.example.fr")
	towns  = strings.Fields("Berlin Hamburg München Köln Zürich Wien Bern Graz Basel Bonn Essen Leipzig Dresden Bremen Kiel Ulm")
	goods  = strings.Fields("chair table lamp shelf sofa desk carpet mirror clock vase bench stool cabinet drawer curtain pillow blanket basket frame candle")
	faults = []string{"connection refused: dial tcp 10.%d.%d.7:443", "context deadline exceeded after %d.%ds", "unexpected status 502 from gateway %d-%d", "row %d: column %d is no number"}
)

func newMaker() *maker { return &maker{r: rand.New(rand.NewPCG(1, 2))} }

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// doc returns the next document. Its texts are slices of m.text.
func (m *maker) doc() Doc {
	r := m.r
	m.seq += 3
	number := m.seq
	if r.IntN(50) == 0 { // ended much later than its neighbours
		number = max(1, number-3*r.Int64N(20_000)-1)
	}
	from := len(m.text)
	name := pick(r, names)
	m.text = fmt.Appendf(m.text, `{"type":"mail","to":"%s.%s%d@%s","order_id":"ORD-%08d","request":"%016x","town":"%s","items":[{"sku":"%s-%04d","count":%d},{"sku":"%s-%04d","count":%d}],"priority":"%s","locale":"de_DE","template":"order_confirmation_v2"}`,
		name, pick(r, names), r.IntN(10_000), pick(r, hosts), m.seq/3, r.Uint64(), pick(r, towns),
		pick(r, goods), r.IntN(2000), r.IntN(9)+1, pick(r, goods), r.IntN(2000), r.IntN(9)+1, pick(r, []string{"low", "normal", "high"}))
	mid := len(m.text)
	if r.IntN(20) == 0 {
		m.text = fmt.Appendf(m.text, `{"message":"%s","attempt":%d,"retry":false,"host":"worker-%02d"}`,
			fmt.Sprintf(pick(r, faults), r.IntN(250), r.IntN(250)), r.IntN(5)+1, r.IntN(30))
	} else {
		m.text = fmt.Appendf(m.text, `{"message_id":"<%x.%x@relay.example.com>","accepted":["%s"],"rejected":[],"response":"250 2.0.0 OK queued as %s","duration_ms":%d,"relay":"mx%d.example.com","tls":"TLSv1.3","bytes":%d,"digest":"%016x"}`,
			r.Uint32(), m.seq, name, fmt.Sprintf("%010X", r.Uint64()>>24), r.IntN(900), r.IntN(4), 2000+r.IntN(6000), r.Uint64())
	}
	return Doc{Number: number, Texts: [][]byte{m.text[from:mid:mid], m.text[mid:len(m.text):len(m.text)]}}
}

func (m *maker) batch(n int) []Doc {
	m.text = make([]byte, 0, n*520)
	docs := make([]Doc, n)
	for i := range docs {
		docs[i] = m.doc()
	}
	return docs
}

// BenchmarkAdd adds documents of two texts of about 240 bytes each.
func BenchmarkAdd(b *testing.B) {
	for _, size := range []int{1, 100, 1_000, 8_192, 65_536} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			x, err := Open(filepath.Join(b.TempDir(), "text.db"), "log")
			if err != nil {
				b.Fatal(err)
			}
			defer x.Close()
			m := newMaker()
			done := 0
			cpu := time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				docs := m.batch(size)
				b.StartTimer()
				cpu -= spentCPU()
				if err := x.Add(context.Background(), docs, m.seq); err != nil {
					b.Fatal(err)
				}
				cpu += spentCPU()
				done += size
			}
			var held runtime.MemStats
			m.text = nil
			runtime.GC()
			runtime.ReadMemStats(&held)
			b.ReportMetric(float64(held.HeapAlloc)/(1<<20), "held-MiB")
			file, wal := x.Sizes()
			b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "docs/s")
			b.ReportMetric(float64(done)/cpu.Seconds(), "docs/cpu-s")
			b.ReportMetric(float64(file+wal)/float64(done), "file-B/doc")
			b.ReportMetric(float64(x.w.state.newBytes)/float64(done), "written-B/doc")
		})
	}
}

// big returns an index of -docs documents, in -dir if that is set.
func big(b *testing.B) *Index {
	dir := *benchDir
	if dir == "" {
		dir = b.TempDir()
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	x, err := Open(filepath.Join(dir, fmt.Sprintf("text-%d.db", *benchDocs)), "log")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { x.Close() })
	var spent time.Duration
	m := newMaker()
	for x.Docs() < int64(*benchDocs) {
		docs := m.batch(min(8192, *benchDocs-int(x.Docs())))
		start := time.Now()
		if err := x.Add(context.Background(), docs, m.seq); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(start)
	}
	if spent > 0 {
		fmt.Printf("%d documents in %.1f s: %.0f/s\n", x.Docs(), spent.Seconds(), float64(x.Docs())/spent.Seconds())
	}
	file, _ := x.Sizes()
	fmt.Printf("%.1f bytes a document\n", float64(file)/float64(x.Docs()))
	return x
}

// queries are the kinds of queries. Each word of a query is a prefix of a word of the text.
var queries = []struct {
	name  string
	query func(r *rand.Rand) string
}{
	{"common", func(r *rand.Rand) string { return pick(r, []string{"berlin", "hamburg", "chair", "noah"}) }},
	{"in all", func(*rand.Rand) string { return "mail" }},
	{"rare", func(r *rand.Rand) string { return fmt.Sprintf("%08d", r.IntN(*benchDocs)+1) }},
	{"two common", func(r *rand.Rand) string { return pick(r, names) + " " + pick(r, goods) }},
	{"common and rare", func(r *rand.Rand) string { return fmt.Sprintf("berlin %08d", r.IntN(*benchDocs)+1) }},
	{"seldom together", func(r *rand.Rand) string { return fmt.Sprintf("refused berlin %04d", r.IntN(2000)) }},
	{"three letters", func(r *rand.Rand) string { return fmt.Sprintf("%03x", r.IntN(4096)) }},
	{"letters and seldom", func(r *rand.Rand) string { return fmt.Sprintf("4 5 6 7 8 refused 10 %d", 100+r.IntN(150)) }},
	{"error", func(r *rand.Rand) string { return "deadline exceeded" }},
	{"none", func(r *rand.Rand) string { return fmt.Sprintf("zzz%d", r.IntN(1000)) }},
	{"common and none", func(r *rand.Rand) string { return fmt.Sprintf("berlin zz%d", r.IntN(1000)) }},
}

func BenchmarkSearch(b *testing.B) {
	x := big(b)
	for _, k := range queries {
		b.Run(k.name, func(b *testing.B) { searchBench(b, x, k.query, false) })
		b.Run(k.name+" deep", func(b *testing.B) { searchBench(b, x, k.query, true) })
	}
}

// searchBench reads the first page, or with deep a page at a random position.
func searchBench(b *testing.B, x *Index, query func(*rand.Rand) string, deep bool) {
	r := rand.New(rand.NewPCG(3, 4))
	var took []time.Duration
	hits := 0
	cpu := spentCPU()
	for b.Loop() {
		before := int64(0)
		if deep {
			before = r.Int64N(3 * int64(*benchDocs))
		}
		q := ParseQuery(query(r))
		start := time.Now()
		found, err := x.Search(context.Background(), q, before, 50)
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
		hits += len(found)
	}
	report(b, took, spentCPU()-cpu)
	b.ReportMetric(float64(hits)/float64(len(took)), "hits")
}

// spentCPU returns the CPU time of this process. Other work on the machine affects it less than wall
// time.
func spentCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, took []time.Duration, cpu time.Duration) {
	b.ReportMetric(float64(cpu.Microseconds())/1000/float64(len(took)), "cpu-ms")
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "max-ms")
}
