package natslog_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"daybook/eventlog"
	"daybook/eventlog/natslog"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// wantErased checks that the payloads of these events, and no others, are erased.
func wantErased(t *testing.T, log *natslog.Log, erased ...int64) {
	t.Helper()
	want := map[int64]bool{}
	for _, seq := range erased {
		want[seq] = true
	}
	for _, e := range content(t, log) {
		if !e.HasPayload {
			continue
		}
		_, err := log.Payload(t.Context(), e.Seq)
		if isErased := errors.Is(err, eventlog.ErrErased); isErased != want[e.Seq] || err != nil && !isErased {
			t.Errorf("payload of event %d: %v", e.Seq, err)
		}
	}
}

func erase(t *testing.T, log *natslog.Log, seqs ...int64) {
	t.Helper()
	for _, seq := range seqs {
		if err := log.ErasePayload(t.Context(), seq); err != nil {
			t.Fatal(err)
		}
		if err := log.ErasePayload(t.Context(), seq); !errors.Is(err, eventlog.ErrNotFound) {
			t.Fatalf("the second time: %v", err)
		}
	}
}

// wantGone checks that the stream of payloads does not have the bytes.
func wantGone(t *testing.T, js jetstream.JetStream, there bool, text string) {
	t.Helper()
	s, err := js.Stream(t.Context(), natslog.PayloadsStream("test"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for sequence := range pieces(t, js) {
		message, err := s.GetMsg(t.Context(), sequence)
		if err != nil {
			t.Fatal(err)
		}
		content, err := natslog.UnpackPiece(message.Data)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(content, []byte(text))
	}
	if found != there {
		t.Errorf("the stream has %.20q: %v, want %v", text, found, there)
	}
}

func TestAnErasureReachesTheStreamAndAllNodes(t *testing.T) {
	s, js := lone(t)
	log := open(t, js, t.TempDir())
	dir := t.TempDir()
	late := open(t, connect(t, s), dir)
	appendAll(t, log, names("small", 10)...) // share a piece
	large, medium := noise(1_200_000), noise(40_000)
	for i, r := range log.Append(t.Context(), []eventlog.Entry{entry("large", large), entry("medium", medium)}) {
		if r.Err != nil {
			t.Fatal(i, r.Err)
		}
	}
	catchUp(t, late)
	if err := late.Close(); err != nil { // it has all events, and no erasure
		t.Fatal(err)
	}
	wantGone(t, js, true, "body of small-3")
	erase(t, log, 4, 11, 12, 5)
	for _, text := range []string{"body of small-3", "body of small-4", large[600_000:600_020], medium[:20]} {
		wantGone(t, js, false, text)
	}
	wantGone(t, js, true, "body of small-5")
	late = open(t, connect(t, s), dir)
	fresh := open(t, connect(t, s), t.TempDir())
	for _, l := range []*natslog.Log{log, late, fresh} {
		wantErased(t, l, 4, 5, 11, 12)
	}
	wantSame(t, log, fresh)
	erase(t, fresh, 1, 2, 3, 6, 7, 8, 9, 10) // the last one leaves an empty piece, which is not written
	catchUp(t, log)
	wantErased(t, log, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	wantNoOrphans(t, js, log)
	if n := len(pieces(t, js)); n != 0 {
		t.Errorf("%d pieces are left", n)
	}
	appendAll(t, log, "after")
	wantSame(t, log, open(t, connect(t, s), t.TempDir()))
}

// An erasure that is told, and ends before the pieces are deleted, is finished by the next call, on any node.
func TestAnErasureIsFinishedByTheNextCall(t *testing.T) {
	s, js := lone(t)
	log, other := open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())
	appendAll(t, log, "a", "b")
	erase(t, log, 1)
	ctx, cancel := context.WithCancel(t.Context())
	log.Intercept(func(next natslog.Request, c context.Context, m *nats.Msg) (*nats.Msg, error) {
		answer, err := next(c, m)
		if m.Subject == natslog.ErasedSubject("test") {
			cancel()
		}
		return answer, err
	})
	if err := log.ErasePayload(ctx, 2); err == nil {
		t.Fatal("the pieces were deleted after the caller had gone")
	}
	wantGone(t, js, true, "body of b")
	catchUp(t, other)
	wantErased(t, other, 1, 2)
	if err := other.ErasePayload(t.Context(), 2); err != nil {
		t.Error(err)
	}
	wantGone(t, js, false, "body of b")
	wantErased(t, open(t, js, t.TempDir()), 1, 2)
}

func TestAPieceThatNobodyHasErasedIsDamageWhenItIsMissing(t *testing.T) {
	_, js := lone(t)
	log := open(t, js, t.TempDir())
	appendAll(t, log, "a")
	appendAll(t, log, "b")
	erase(t, log, 1)
	s, err := js.Stream(t.Context(), natslog.PayloadsStream("test"))
	if err != nil {
		t.Fatal(err)
	}
	for sequence := range pieces(t, js) {
		if err := s.DeleteMsg(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	wantErased(t, log, 1) // the replica has it
	if _, err := openOnce(t, js, t.TempDir()); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a new replica: %v", err)
	}
}

// The last pieces of the stream may be erased: no later one tells that they are gone.
func TestErasedPiecesAtTheEndOfTheStreamAreNotWaitedFor(t *testing.T) {
	_, js := lone(t)
	log := open(t, js, t.TempDir())
	var seqs []int64
	for i := range 30 {
		if r := log.Append(t.Context(), []eventlog.Entry{entry("large", noise(40_000+i))}); r[0].Err != nil {
			t.Fatal(r[0].Err)
		}
		if i > 2 {
			seqs = append(seqs, int64(i+1))
		}
	}
	erase(t, log, seqs...)
	wantSame(t, log, open(t, js, t.TempDir()))
}
