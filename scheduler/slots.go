package scheduler

import (
	"daybook/projection"

	"github.com/oklog/ulid/v2"
)

// slots is the attempts that run in this process.
type slots struct {
	holders    map[ulid.ULID]*attempt // by the task they hold
	used       int                    // by handlers that have not returned, starts on their way, results that wait for room
	deliveries int                    // the same of deliverySlots
	handlers   int                    // that have not returned
}

// slot is what an attempt in this process holds.
type slot uint8

const (
	noSlot       slot = iota
	taskSlot          // one of Options.Concurrency
	deliverySlot      // one of deliverySlots
)

// deliverySlots is how many deliveries of webhooks run beside the slots of tasks, so that receivers that do not answer hold up no task
// on a server with few slots. More of them take slots of tasks. In a cluster the node that leads makes these four, and more are leases.
const deliverySlots = 4

// slotFor is the slot that a task of the type may start in now; noSlot if there is none.
func (l *loop) slotFor(taskType string) slot {
	switch {
	case l.trials.going() && !l.trials.starting:
		return noSlot
	case taskType == projection.DeliveryType && l.slots.deliveries < l.s.deliverySlots:
		return deliverySlot
	case l.slots.used < l.s.o.Concurrency:
		return taskSlot
	}
	return noSlot
}

// anySlot reports whether a task that is ready may find a slot.
func (l *loop) anySlot() bool {
	return l.slots.used < l.s.o.Concurrency || l.s.o.Views.AnyReadyDelivery() && l.slotFor(projection.DeliveryType) != noSlot
}

// hold counts a slot that is taken, or with -1 one that is free again.
func (s *slots) hold(what slot, n int) {
	switch what {
	case taskSlot:
		s.used += n
	case deliverySlot:
		s.deliveries += n
	}
}

// showSlots tells readers how many slots are used.
func (l *loop) showSlots() {
	l.s.running.Store(int64(l.slots.used))
	l.s.delivering.Store(int64(l.slots.deliveries))
}
