package eventlog

// AppendJSON appends the event as clients and exports see it, on one line:
//
//	{"seq":17,"at":"…","stream":"task:01J…","version":3,"type":"task.started","v":1,
//	 "actor":"system:scheduler","data":{…},"payload_hash":null,"hash":"…"}
//
// with "payload":… at the end when payload is not nil. Hashes are lower-case hex.
func AppendJSON(dst []byte, e *Event, payload []byte) []byte { panic("todo") }

// ParseJSON reads what AppendJSON writes; "hash" and "payload_hash" may be absent.
func ParseJSON(line []byte) (*Event, error) { panic("todo") }

// JSON returns AppendJSON(nil, e, nil), made once and kept with the event.
func (e *Event) JSON() []byte { panic("todo") }
