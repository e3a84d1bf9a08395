// Package priority has a priority queue whose items know their places in it, so that each can move or leave at any time. A change costs
// O(log n).
package priority

// Item is what a queue holds.
type Item[T any] interface {
	// Before reports whether it comes before another item. If that changes, Put or Reorder is to be called.
	Before(other T) bool
	// Place is where it keeps its place in the queue: 0 while it is in none.
	Place() *int32
}

// Queue is a binary heap, with the item first that comes before all others. The zero value is empty. It is for one goroutine at a
// time.
type Queue[T Item[T]] struct{ items []T }

// Len is how many items there are.
func (q *Queue[T]) Len() int { return len(q.items) }

// First returns the item that comes first. There must be one.
func (q *Queue[T]) First() T { return q.items[0] }

// Items returns all items. The one at i comes before those at 2i+1 and 2i+2. The slice is not to be changed.
func (q *Queue[T]) Items() []T { return q.items }

// Put adds an item, or moves it after it has changed.
func (q *Queue[T]) Put(item T) {
	at := item.Place()
	if *at == 0 {
		q.items = append(q.items, item)
		*at = int32(len(q.items))
	}
	q.settle(int(*at) - 1)
}

// Remove takes an item out, if it is there.
func (q *Queue[T]) Remove(item T) {
	at := item.Place()
	if *at == 0 {
		return
	}
	i, last := int(*at)-1, len(q.items)-1
	moved := q.items[last]
	var none T
	q.items[last], q.items = none, q.items[:last]
	if i < last {
		q.items[i] = moved
		q.settle(i)
	}
	*at = 0
}

// Reorder moves all items to where they belong, after any of them have changed. It costs O(n).
func (q *Queue[T]) Reorder() {
	for i := len(q.items)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
}

// settle moves the item at a place up or down to where it belongs.
func (q *Queue[T]) settle(i int) {
	item := q.items[i]
	for i > 0 && item.Before(q.items[(i-1)/2]) {
		q.set(i, q.items[(i-1)/2])
		i = (i - 1) / 2
	}
	q.items[i] = item
	q.down(i)
}

func (q *Queue[T]) down(i int) {
	item := q.items[i]
	for {
		child := 2*i + 1
		if child+1 < len(q.items) && q.items[child+1].Before(q.items[child]) {
			child++
		}
		if child >= len(q.items) || !q.items[child].Before(item) {
			break
		}
		q.set(i, q.items[child])
		i = child
	}
	q.set(i, item)
}

func (q *Queue[T]) set(i int, item T) {
	q.items[i] = item
	*item.Place() = int32(i + 1)
}
