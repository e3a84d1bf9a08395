package scheduler

// endOffers answers the workers whose time is over, after what is ready now was given out: a worker
// that does not wait at all gets its share too.
func (l *loop) endOffers(rd *round) {
	for _, o := range l.offers.leaving {
		o.withdrawn = true
		if len(o.granted) == 0 && !o.answered {
			rd.replies = append(rd.replies, func(err error) { l.endOffer(o, err) })
		}
	}
	l.offers.leaving = emptied(l.offers.leaving)
}

// endOffer answers a worker whose time is over, and for which there was nothing in a round that ended with err.
func (l *loop) endOffer(o *offer, err error) {
	switch {
	case o.answered:
	case decideAgain(err):
		l.offerAgain(o)
	case err != nil && !noRoom(err):
		l.offers.count--
		o.reply(answer{err: err})
	default:
		l.reply(o)
	}
}

// offerAgain gives a worker whose time is over another look at what is ready: what was decided for it is not in the log.
func (l *loop) offerAgain(o *offer) {
	o.withdrawn = false
	l.offers.count--
	l.offers.add(o, true)
	l.offers.leaving = append(l.offers.leaving, o)
}

// reply answers a worker with what it has got.
func (l *loop) reply(o *offer) {
	l.offers.count--
	o.reply(answer{leases: o.leases})
}

func (o *offer) reply(a answer) {
	o.answered = true
	o.done <- a
}

// endAllOffers answers all workers that wait: the server stops.
func (l *loop) endAllOffers() {
	for _, list := range l.offers.byGroup {
		for _, o := range list {
			if !o.answered && len(o.granted) == 0 {
				l.offers.count--
				o.reply(answer{err: l.s.noMoreWork()})
			}
		}
	}
}
