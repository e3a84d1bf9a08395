package api

import (
	"net/url"
	"strings"
)

// mostLink is the longest Link header, in bytes. nginx takes 4 KiB of headers of an answer by
// default, and answers 502 for more; the other headers need the rest.
const mostLink = 3 << 10

// Values of the key that differs from page to page that are as long as any.
var (
	longestCursor = strings.Repeat("A", 51) // 8 bytes of hash and three numbers, in base64
	longestSeq    = strings.Repeat("9", 19)
)

// next is the Link header of the page that follows: the same request with another value of key.
func (q *query) next(p *reply, path, key, value string) string {
	values := url.Values{}
	for name := range q.values {
		if list := q.list(name); list != nil { // an empty filter is an absent one
			values[name] = list
		}
	}
	values.Set(key, value)
	return "<" + p.reference(path+"?"+values.Encode()) + `>; rel="next"`
}

// checkLink refuses a request whose Link would not get through a proxy: a client that lost it
// would take the page for the last one. It depends on the request alone, so that the same
// request is always answered the same way. The error names the longest parameter.
func (q *query) checkLink(p *reply, path, key, longest, instead string) error {
	if len(q.next(p, path, key, longest)) <= mostLink {
		return nil
	}
	var largest string
	most := 0
	for name := range q.values {
		size := len(url.Values{name: q.list(name)}.Encode())
		if size > most || size == most && name < largest {
			largest, most = name, size
		}
	}
	q.wrong(largest, "is too long for a list in pages: the Link to the next page would have over "+itoa(mostLink)+
		" bytes, more than proxies let through. Shorten it or give it fewer times, or "+instead)
	return q.err()
}
