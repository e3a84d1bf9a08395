package scheduler

// polls are the answers to the polls of a worker that had an id, while leases of them are held. A worker with several
// connections polls on each.
type polls struct {
	byID   map[string][]Leased
	leases int // of all of them, some of which are not held any more
}

// pollSlack is how many leases that are not held any more may be remembered beside those that are.
const pollSlack = 64

// of returns the answer to a poll; nil if it is not known.
func (p *polls) of(id string) []Leased { return p.byID[id] }

// add remembers an answer. held is how many leases the worker holds, and holds reports whether it holds one.
func (p *polls) add(id string, leases []Leased, held int, holds func(*Leased) bool) {
	if p.byID == nil {
		p.byID = make(map[string][]Leased)
	}
	p.leases += len(leases) - len(p.byID[id])
	p.byID[id] = leases
	if p.leases <= 2*held+pollSlack {
		return
	}
	p.leases = 0
	for id, leases := range p.byID {
		var kept []Leased
		for i := range leases {
			if holds(&leases[i]) {
				kept = append(kept, leases[i])
			}
		}
		if p.leases += len(kept); kept == nil {
			delete(p.byID, id)
		} else {
			p.byID[id] = kept
		}
	}
}
