package projection

// end is an event on a task that has ended, most often the one that ended it.
type end struct {
	seq  int64
	slot uint32
}

// queue holds ends in the order of the log.
type queue struct {
	list []end
	head int
}

func (q *queue) push(e end) { q.list = append(q.list, e) }

func (q *queue) len() int { return len(q.list) - q.head }

// at returns the i-th, from 0.
func (q *queue) at(i int) end { return q.list[q.head+i] }

// upTo is how many have a seq up to this one.
func (q *queue) upTo(seq int64) int {
	low, high := 0, q.len()
	for low < high {
		middle := (low + high) / 2
		if q.at(middle).seq <= seq {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// drop removes the first n.
func (q *queue) drop(n int) {
	q.head += n
	if q.head > len(q.list)/2 {
		rest := copy(q.list, q.list[q.head:])
		q.list, q.head = q.list[:rest], 0
	}
}
