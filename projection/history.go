package projection

import (
	"context"
	"math"

	"github.com/oklog/ulid/v2"
)

const historyChunk = 1 << 16

// history says for each seq how far back the previous event of the same task lies, 0
// for the first of a task and for events of no task: four bytes an event. It grows by
// chunks, so that nothing is copied. A distance that does not fit lies in far.
type history struct {
	chunks []*[historyChunk]uint32
	far    map[int64]int64
}

// add records the distance of the event at seq, which is one more than the one before.
func (h *history) add(seq, distance int64) {
	i := seq - 1
	if i%historyChunk == 0 {
		h.chunks = append(h.chunks, new([historyChunk]uint32))
	}
	if distance >= math.MaxUint32 {
		if h.far == nil {
			h.far = make(map[int64]int64)
		}
		h.far[seq], distance = distance, math.MaxUint32
	}
	h.chunks[i/historyChunk][i%historyChunk] = uint32(distance)
}

// before returns the seq of the event before the one at seq; 0 = none.
func (h *history) before(seq int64) int64 {
	i := seq - 1
	switch distance := h.chunks[i/historyChunk][i%historyChunk]; distance {
	case 0:
		return 0
	case math.MaxUint32:
		return seq - h.far[seq]
	default:
		return seq - int64(distance)
	}
}

// historyStep is how many events History walks back before it lets the writer in.
const historyStep = 4096

// History returns the seqs of all events of the task, oldest first. Errors:
// ErrNotFound, ctx's.
func (v *Views) History(ctx context.Context, id ulid.ULID) ([]int64, error) {
	t, _, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	seqs := make([]int64, t.Version)
	at, seq := len(seqs), t.LastSeq
	for at > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		at, seq = v.walkBack(seqs, at, seq)
	}
	return seqs, nil
}

// walkBack fills seqs below at with seq and those before it.
func (v *Views) walkBack(seqs []int64, at int, seq int64) (int, int64) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	for range historyStep {
		if at == 0 {
			break
		}
		at--
		seqs[at] = seq
		seq = v.history.before(seq)
	}
	return at, seq
}
