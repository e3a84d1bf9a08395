package natslog

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"daybook/eventlog"

	"github.com/klauspost/compress/zstd"
)

// A message of the stream:
//
//	magic    1 byte, 'D'
//	format   1 byte: 2, or 3 where earlier versions would misread what format 2 would say (1 was that of the streams before ADR 54)
//	kind     1 byte, see kind
//	id       16 random bytes of the round
//	part     uvarint, from 0: a round that is larger than a message may be has several parts
//	parts    uvarint
//	last     uvarint, seq of the last event of the log as far as this message: the parts before the last one add none
//	hash     32 bytes, of that event
//	content  the rest: a piece of the content of the round, compressed with zstd
//
// The content of a round, for each event: uvarints are those of encoding/binary, a text has its length before it.
//
//	at          uvarint, microseconds after the event before (the first one: after the epoch of Unix)
//	stream, version (uvarint), type, v (uvarint), actor, data
//	payload     1 byte: 0 = none, 1 = salt (16 bytes) and body (a text) follow, 2 = it was erased, and its hash (32 bytes) follows
//
// The content of kindCopy: seq (uvarint) and hash (32 bytes) of the last event of the round that it is a copy of, then the content of
// that round, without the bodies that were erased.
//
// The content of kindErased, for each payload that was erased (of several ones only in format 3): uvarints
//
//	seq           of its event
//	last, events  the seq of the last event of its round, and how many events that has
//	first, parts  the first message of the round where it was published, and how many these are
//	first, parts  of its copy, which takes the place of the round and of its copies before
const (
	magic         = 'D'
	oldestFormat  = 1
	messageFormat = 2
	groupFormat   = 3 // of kindErased with several payloads: readers of format 2 count their copy as one that was replaced
	newestFormat  = 3 // that this version reads
)

// kind is what a message says.
type kind byte

const (
	kindRound  kind = 1 // events
	kindErased kind = 2 // payloads that were erased
	kindFence  kind = 3 // nothing: it takes a place, so that no earlier message can
	kindCopy   kind = 4 // a round again, in the place of one that had a payload that was erased
)

// roundID tells the rounds of all nodes apart.
type roundID [16]byte

// header is what each message begins with.
type header struct {
	format      byte
	kind        kind
	id          roundID
	part, parts int
	last        int64
	hash        eventlog.Hash
}

var errMessage = fmt.Errorf("%w: a message of the stream is not one of this log", eventlog.ErrDamaged)

func (h *header) append(b []byte) []byte {
	b = append(b, magic, h.format, byte(h.kind))
	b = append(b, h.id[:]...)
	b = binary.AppendUvarint(b, uint64(h.part))
	b = binary.AppendUvarint(b, uint64(h.parts))
	b = binary.AppendUvarint(b, uint64(h.last))
	return append(b, h.hash[:]...)
}

// parseHeader reads the header of a message and returns the rest.
func parseHeader(message []byte) (h header, content []byte, err error) {
	r := reader{b: message}
	m := r.byte()
	if h.format = r.byte(); m != magic || h.format < oldestFormat || h.format > newestFormat {
		if r.err == nil && m == magic && h.format > newestFormat {
			return h, nil, fmt.Errorf("%w: it has format %d, this version reads up to %d: upgrade this node", errNewer, h.format, newestFormat)
		}
		return h, nil, errMessage
	}
	h.kind = kind(r.byte())
	copy(h.id[:], r.take(len(h.id)))
	h.part, h.parts, h.last = int(r.number()), int(r.number()), int64(r.number())
	copy(h.hash[:], r.take(eventlog.HashSize))
	if r.err != nil || h.part < 0 || h.part >= h.parts || h.last < 0 {
		return h, nil, errMessage
	}
	if h.kind < kindRound || h.kind > kindCopy {
		return h, nil, fmt.Errorf("%w: it has kind %d: upgrade this node", errNewer, h.kind)
	}
	return h, r.b, nil
}

// errNewer: a newer version of Daybook has written the message.
var errNewer = errors.New("message of a newer version")

// events are those of a round, with the salt of each payload; no salt = there is no body (any more).
type events struct {
	list  []*eventlog.Event
	salts [][]byte
}

// What the content of a round says of a payload.
const (
	noPayload     = 0
	payloadHere   = 1
	payloadErased = 2
)

const saltSize = 16

// append appends the content of a round.
func (r *events) append(b []byte) []byte {
	var at int64
	for i, e := range r.list {
		b = binary.AppendUvarint(b, uint64(e.At-at))
		at = e.At
		b = appendText(b, e.Stream)
		b = binary.AppendUvarint(b, uint64(e.Version))
		b = appendText(b, e.Type)
		b = binary.AppendUvarint(b, uint64(e.V))
		b = appendText(b, e.Actor)
		b = appendText(b, e.Data)
		switch {
		case !e.HasPayload:
			b = append(b, noPayload)
		case r.salts[i] == nil:
			b = append(append(b, payloadErased), e.PayloadHash[:]...)
		default:
			b = append(append(b, payloadHere), r.salts[i]...)
			b = appendText(b, e.Payload)
		}
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// parseEvents reads the content of a round of which the first event has the seq first.
func parseEvents(content []byte, first int64) (events, error) {
	var all events
	var at int64
	r := reader{b: content}
	for seq := first; len(r.b) > 0; seq++ {
		at += int64(r.number())
		e := &eventlog.Event{Seq: seq, At: at}
		e.Stream = string(r.text())
		e.Version = int64(r.number())
		e.Type = string(r.text())
		e.V = int(r.number())
		e.Actor = string(r.text())
		e.Data = r.text()
		var salt []byte
		switch r.byte() {
		case noPayload:
		case payloadHere:
			e.HasPayload = true
			salt = r.take(saltSize)
			e.Payload = r.text()
			e.PayloadHash = eventlog.PayloadHash(salt, e.Payload)
		case payloadErased:
			e.HasPayload = true
			copy(e.PayloadHash[:], r.take(eventlog.HashSize))
		default:
			r.err = errMessage
		}
		if r.err != nil {
			return events{}, r.err
		}
		all.list, all.salts = append(all.list, e), append(all.salts, salt)
	}
	return all, nil
}

// reader reads what the functions above append. After an error it gives zeros.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.b, r.err = nil, errMessage
		return nil
	}
	taken := r.b[:n:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errMessage
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) text() []byte {
	n := r.number()
	if n > uint64(len(r.b)) {
		r.b, r.err = nil, errMessage
		return nil
	}
	return r.take(int(n))
}

// mostContent bounds what a compressed content may become, in bytes.
const mostContent = 2 << 30

var (
	compressor, _   = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	decompressor, _ = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(mostContent))
)

// newHeader is that of a new message after head.
func newHeader(k kind, head eventlog.Head) header {
	h := header{format: messageFormat, kind: k, last: head.Seq, hash: head.Hash}
	rand.Read(h.id[:]) // never returns an error
	return h
}

// messages cuts a content into messages of at most size bytes. after is the head of the log with all of them.
func messages(h header, after eventlog.Head, content []byte, size int) [][]byte {
	packed := compressor.EncodeAll(content, make([]byte, 0, len(content)/2+64))
	size -= len(h.append(nil)) + 3*binary.MaxVarintLen64
	h.parts = max((len(packed)+size-1)/size, 1)
	list := make([][]byte, h.parts)
	for h.part = range h.parts {
		if h.part == h.parts-1 {
			h.last, h.hash = after.Seq, after.Hash
		}
		piece := packed[h.part*size : min((h.part+1)*size, len(packed))]
		list[h.part] = append(h.append(make([]byte, 0, len(piece)+96)), piece...)
	}
	return list
}

// unpack is the content that the pieces of all parts make.
func unpack(packed []byte) ([]byte, error) {
	content, err := decompressor.DecodeAll(packed, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	return content, nil
}
