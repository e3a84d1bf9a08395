package measure

import "sync"

// window keeps callers from building up a backlog without end: a call waits while the
// tasks that were begun before it are size or more ahead of those that have ended.
type window struct {
	size  int64
	moved *sync.Cond

	// Guarded by moved.L.
	ended  int64
	closed bool
}

func newWindow(size int64) *window {
	return &window{size: size, moved: sync.NewCond(&sync.Mutex{})}
}

// wait returns when a call may be made before which that many tasks were started; false
// says that there are to be no more calls.
func (w *window) wait(begun int64) bool {
	w.moved.L.Lock()
	defer w.moved.L.Unlock()
	for !w.closed && begun >= w.ended+w.size {
		w.moved.Wait()
	}
	return !w.closed
}

// move says how many tasks have ended.
func (w *window) move(ended int64) {
	w.moved.L.Lock()
	defer w.moved.L.Unlock()
	w.ended = ended
	w.moved.Broadcast()
}

// close ends the load.
func (w *window) close() {
	w.moved.L.Lock()
	defer w.moved.L.Unlock()
	w.closed = true
	w.moved.Broadcast()
}
