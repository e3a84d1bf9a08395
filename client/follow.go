package client

import (
	"context"
	"encoding/json"
	"iter"
)

// FollowQuery says which events to follow. Lists mean "any of"; the zero value means all,
// from the beginning of the log.
type FollowQuery struct {
	After   int64 // events with a larger seq; Head = those to come
	Streams []string
	Types   []string
}

// Follow goes through the events of the log in order, first the existing ones and then
// new ones as they come: none is missing and none comes twice, whatever happens to
// the connection. It ends when ctx does, or after an error that a new connection cannot fix: a
// *Problem, ErrReset.
func (c *Client) Follow(ctx context.Context, q FollowQuery) iter.Seq2[Event, error] {
	query := (&LogQuery{Streams: q.Streams, Types: q.Types}).values()
	all := len(query) == 0
	return func(yield func(Event, error) bool) {
		s := &stream{client: c, path: "/api/log/stream", query: query, after: q.After}
		last := q.After // the latest event given out, or where the stream began
		var broken error
		err := s.run(ctx, func(m message) bool {
			var e Event
			if json.Unmarshal(m.data, &e) != nil || e.Hash == "" { // an announcement or a keep-alive
				if last == Head {
					last = m.seq
				}
				return true
			}
			if last != Head && e.Seq <= last {
				return true
			}
			if all && last != Head && e.Seq != last+1 {
				broken = gap(last, e.Seq)
				return false
			}
			last = e.Seq
			return yield(e, nil)
		})
		if broken != nil {
			err = broken
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}
