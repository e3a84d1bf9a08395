package viewfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"daybook/task"
)

// flips returns the bits of a file that a test changes one at a time: a bit of each of the first bytes,
// which are SQLite's header, of the first and last bytes of each page, and of some at random.
func flips(size int) (bits []int64) {
	rng := rand.New(rand.NewPCG(11, 7))
	for at := range min(size, 112) {
		bits = append(bits, int64(at)*8+rng.Int64N(8))
	}
	for page := 0; page < size; page += pageSize {
		for _, at := range []int{page, page + 3, page + 8, page + 9, page + pageSize - 9, page + pageSize - 1} {
			bits = append(bits, int64(min(at, size-1))*8+rng.Int64N(8))
		}
		for range 8 {
			bits = append(bits, int64(min(page+rng.IntN(pageSize), size-1))*8+rng.Int64N(8))
		}
	}
	return bits
}

// answers returns everything that a file answers, as text.
func answers(path string) (string, error) {
	f, err := Open(path, "log")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	s, err := f.State()
	fmt.Fprintln(&b, s)
	if err == nil {
		err = f.Live(func(r *Row) error {
			write(&b, r)
			return nil
		})
	}
	if err == nil {
		err = archiveAnswers(f, &b)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return b.String(), err
}

func archiveAnswers(f *File, b *strings.Builder) error {
	ctx := context.Background()
	r, err := f.Acquire(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.Fix(); err != nil {
		return err
	}
	for _, q := range []Query{
		{}, {Tags: benchTags[:2]}, {MinRun: 1000}, {Facets: facetsOf([]int{0, 1, 2}, task.Failed)}, {Facets: []uint32{3}, Tags: benchTags[:1]},
	} {
		q.LastSeq = math.MaxInt64
		rows, n, err := r.Page(ctx, &q, Part{Before: math.MaxInt64, Limit: 50}, math.MaxInt64)
		if err != nil {
			return err
		}
		write(b, n, rows)
	}
	rows, last, err := r.Archived(ctx, nil, 0, 10_000)
	if err != nil {
		return err
	}
	write(b, last, rows)
	for i := 0; i < len(rows); i += 7 {
		row, err := r.ByID(ctx, rows[i].Task.ID)
		if err != nil {
			return err
		}
		if write(b, row); row.Task.IdempotencyKey() == "" {
			continue
		}
		if row, err = r.ByKey(ctx, row.Task.IdempotencyKey()); err != nil {
			return err
		}
		write(b, row)
	}
	return nil
}

// write writes values with what they point to.
func write(b *strings.Builder, values ...any) {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // they can be marshalled
	}
	b.Write(text)
}

// With any bit changed, a file answers as before or is unusable.
func TestNoBitOfAFileChangesAnAnswer(t *testing.T) {
	path := temp(t)
	f := open(t, path)
	rows := make([]Row, 500)
	makeRows(rows, 0)
	for i := range rows {
		if i%5 == 0 {
			rows[i].Task.SetExtras(task.Extras{Tags: rows[i].Task.Tags(), IdempotencyKey: fmt.Sprint("order-", i)})
		}
	}
	archiveRange(t, f, rows[:450], 0)
	b, err := f.Begin()
	ok(t, err)
	for i := range rows[450:] {
		ok(t, b.Keep(&rows[450+i], Nowhere))
	}
	ok(t, b.Commit(&State{Seq: 9000, Groups: benchGroups, Counts: []int64{1, 2, 3}, Windows: []byte("windows")}))
	withWAL := map[string][]byte{}
	for _, end := range []string{"", "-wal"} {
		withWAL[end], err = os.ReadFile(path + end)
		ok(t, err)
	}
	ok(t, f.Close())
	closed, err := os.ReadFile(path)
	ok(t, err)

	put := func(files map[string][]byte) {
		t.Helper()
		ok(t, Remove(path))
		for end, content := range files {
			ok(t, os.WriteFile(path+end, content, 0o600))
		}
	}
	for name, c := range map[string]struct {
		files map[string][]byte
		end   string
	}{
		"of a file that was closed": {map[string][]byte{"": closed}, ""},
		"of the WAL after a crash":  {withWAL, "-wal"},
	} {
		t.Run(name, func(t *testing.T) {
			put(c.files)
			want, err := answers(path)
			ok(t, err)
			whole, found := c.files[c.end], 0
			for _, bit := range flips(len(whole)) {
				bad := append([]byte(nil), whole...)
				bad[bit/8] ^= 1 << (bit % 8)
				files := map[string][]byte{"": c.files[""]}
				files[c.end] = bad
				put(files)
				switch got, err := answers(path); {
				case errors.Is(err, ErrUnusable):
					found++
				case err != nil:
					t.Errorf("bit %d of byte %d: %v", bit%8, bit/8, err)
				case got != want:
					t.Errorf("bit %d of byte %d changes an answer", bit%8, bit/8)
				}
			}
			t.Logf("%d of %d flips made the file unusable", found, len(flips(len(whole))))
			if found < len(flips(len(whole)))/2 {
				t.Error("too few: the test reads too little of the file")
			}
		})
	}
}
