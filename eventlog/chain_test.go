package eventlog

import (
	"encoding/hex"
	"testing"
)

// Every field must move the hash, and no two fields may be mistaken for each other.
func TestTheChainCoversEveryField(t *testing.T) {
	seen := map[Hash]string{}
	add := func(name string, h Hash) {
		if other, ok := seen[h]; ok {
			t.Errorf("%s and %s have the same hash", name, other)
		}
		seen[h] = name
	}
	prev := FirstHash("a")
	add("sample", Chain(prev, sample()))
	add("prev", Chain(FirstHash("b"), sample()))
	for name, change := range map[string]func(*Event){
		"seq":          func(e *Event) { e.Seq++ },
		"at":           func(e *Event) { e.At++ },
		"stream":       func(e *Event) { e.Stream += "x" },
		"version":      func(e *Event) { e.Version++ },
		"type":         func(e *Event) { e.Type += "x" },
		"v":            func(e *Event) { e.V++ },
		"actor":        func(e *Event) { e.Actor += "x" },
		"data":         func(e *Event) { e.Data = []byte("{}") },
		"payload hash": func(e *Event) { e.PayloadHash[31]++ },
		"no payload":   func(e *Event) { e.HasPayload = false },
		"moved byte":   func(e *Event) { e.Type, e.Stream = e.Stream[len(e.Stream)-1:]+e.Type, e.Stream[:len(e.Stream)-1] },
		"long data":    func(e *Event) { e.Data = make([]byte, 4096) },
	} {
		e := sample()
		change(e)
		add(name, Chain(prev, e))
	}
}

// The hash of a known event is a promise to old logs: this test is never edited.
func TestTheChainIsWhatItWas(t *testing.T) {
	h := Chain(FirstHash("01JDZX6T000000000000000000"), sample())
	const want = "771fd24d3cb8936d5c450d50d757a5f2a01ec1f1bc674aea363a0fe24598f88f"
	if got := hex.EncodeToString(h[:]); got != want {
		t.Errorf("chain = %s, want %s", got, want)
	}
}

func TestAPayloadHashIsOfSaltAndBody(t *testing.T) {
	salt := make([]byte, 16)
	for _, n := range []int{0, 1, 624, 625, 100_000} {
		body := make([]byte, n)
		if PayloadHash(salt, body) != PayloadHash(append(salt, body...), nil) {
			t.Errorf("body of %d bytes: hash is not of salt ‖ body", n)
		}
	}
}

func BenchmarkChain(b *testing.B) {
	e := sample()
	e.Data = make([]byte, 150)
	var h Hash
	b.ReportAllocs()
	for b.Loop() {
		h = Chain(h, e)
	}
}
