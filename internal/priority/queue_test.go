package priority

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type item struct {
	key int
	at  int32
}

func (i *item) Before(other *item) bool { return i.key < other.key }
func (i *item) Place() *int32           { return &i.at }

// least is what First must return, and checks that each item knows its place.
func least(t *testing.T, q *Queue[*item], in map[*item]bool) {
	t.Helper()
	if q.Len() != len(in) || len(q.Items()) != len(in) {
		t.Fatalf("%d items, want %d", q.Len(), len(in))
	}
	want := 1 << 30
	for i := range in {
		want = min(want, i.key)
		if i.at < 1 || int(i.at) > q.Len() || q.Items()[i.at-1] != i {
			t.Fatalf("an item is not at its place %d", i.at)
		}
	}
	if q.Len() > 0 && q.First().key != want {
		t.Fatalf("the first is %d, not %d", q.First().key, want)
	}
}

func TestTheFirstIsTheLeastWhateverComesMovesAndLeaves(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var q Queue[*item]
		all := make([]item, 60)
		in := map[*item]bool{}
		for range 600 {
			i := &all[r.IntN(len(all))]
			switch r.IntN(5) {
			case 0:
				q.Remove(i)
				delete(in, i)
				if i.at != 0 {
					t.Fatal("an item that has left has a place")
				}
			case 1:
				for one := range in {
					one.key = r.IntN(50)
				}
				q.Reorder()
			default:
				i.key = r.IntN(50)
				q.Put(i)
				in[i] = true
			}
			least(t, &q, in)
		}
	}
}

func TestItemsComeInOrder(t *testing.T) {
	var q Queue[*item]
	r := rand.New(rand.NewPCG(1, 1))
	var want, got []int
	for range 1000 {
		i := &item{key: r.IntN(100)}
		want = append(want, i.key)
		q.Put(i)
	}
	slices.Sort(want)
	for q.Len() > 0 {
		i := q.First()
		got = append(got, i.key)
		q.Remove(i)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
