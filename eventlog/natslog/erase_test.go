package natslog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
		for range 2 {
			if err := settled("", func() error { return log.ErasePayloads(t.Context(), seq) }); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// wantGone checks whether the stream has the text in a payload.
func wantGone(t *testing.T, js jetstream.JetStream, there bool, text string) {
	t.Helper()
	s, err := js.Stream(t.Context(), natslog.StreamName("test"))
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone := missing(t, js)
	var list [][]byte
	for sequence := uint64(1); sequence <= info.State.LastSeq; sequence++ {
		if gone[sequence] {
			continue
		}
		message, err := s.GetMsg(t.Context(), sequence)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, message.Data)
	}
	contents, err := natslog.Unpack(list)
	if err != nil {
		t.Fatal(err)
	}
	found := slices.ContainsFunc(contents, func(content []byte) bool { return bytes.Contains(content, []byte(text)) })
	if found != there {
		t.Errorf("the stream has %.20q: %v, want %v", text, found, there)
	}
}

func TestAnErasureReachesTheStreamAndAllNodes(t *testing.T) {
	s, js := lone(t)
	log := open(t, js, t.TempDir())
	dir := t.TempDir()
	late := open(t, connect(t, s), dir)
	appendAll(t, log, names("small", 10)...)
	long, medium := noise(2_400_000), noise(40_000) // the first has several messages
	for i, r := range log.Append(t.Context(), []eventlog.Entry{entry("long", long), entry("medium", medium), entry("stays", "body that stays")}) {
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
	for _, text := range []string{"body of small-3", "body of small-4", long[600_000:600_020], medium[:20]} {
		wantGone(t, js, false, text)
	}
	wantGone(t, js, true, "body of small-5")
	wantGone(t, js, true, "body that stays")
	late = open(t, connect(t, s), dir)
	fresh := open(t, connect(t, s), t.TempDir())
	for _, l := range []*natslog.Log{log, late, fresh} {
		wantErased(t, l, 4, 5, 11, 12)
	}
	wantSame(t, log, fresh)
	erase(t, fresh, 1, 2, 3, 6, 7, 8, 9, 10)
	catchUp(t, log)
	wantErased(t, log, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
	wantReplacedDeleted(t, js, log)
	appendAll(t, log, "after")
	wantSame(t, log, open(t, connect(t, s), t.TempDir()))
}

// An erasure that is told, and ends before the messages are deleted, is finished by the next call, on any node.
func TestAnErasureIsFinishedByTheNextCall(t *testing.T) {
	s, js := lone(t)
	log, other := open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())
	appendAll(t, log, "a", "b")
	erase(t, log, 1)
	ctx, cancel := context.WithCancel(t.Context())
	log.Intercept(func(next natslog.Request, c context.Context, m *nats.Msg) (*nats.Msg, error) {
		answer, err := next(c, m)
		if m.Subject == natslog.ErasuresSubject("test") {
			cancel()
		}
		return answer, err
	})
	if err := log.ErasePayloads(ctx, 2); err == nil {
		t.Fatal("the messages were deleted after the caller had gone")
	}
	wantGone(t, js, true, "body of b")
	catchUp(t, other)
	wantErased(t, other, 1, 2)
	if err := other.ErasePayloads(t.Context(), 2); err != nil {
		t.Error(err)
	}
	wantGone(t, js, false, "body of b")
	wantErased(t, open(t, js, t.TempDir()), 1, 2)
}

// The writer of an erasure stops when it has deleted some of the messages of a round.
func TestARoundThatIsDeletedInPartIsRead(t *testing.T) {
	for name, deletes := range map[string]int{"none of its messages": 0, "one": 1, "two": 2} {
		t.Run(name, func(t *testing.T) {
			_, js := lone(t)
			log, half := open(t, js, t.TempDir()), open(t, js, t.TempDir())
			appendAll(t, log, "before")
			if r := log.Append(t.Context(), []eventlog.Entry{entry("long", noise(2_400_000)), entry("stays", "body")}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			log.Intercept(func(next natslog.Request, c context.Context, m *nats.Msg) (*nats.Msg, error) {
				answer, err := next(c, m)
				cancel()
				return answer, err
			})
			if err := log.ErasePayloads(ctx, 2); err == nil {
				t.Fatal("the messages were deleted after the caller had gone")
			}
			stream, err := js.Stream(t.Context(), natslog.StreamName("test"))
			if err != nil {
				t.Fatal(err)
			}
			for sequence := range deletes {
				if err := stream.DeleteMsg(t.Context(), uint64(2+sequence)); err != nil {
					t.Fatal(err)
				}
			}
			wantSame(t, log, half)
			wantErased(t, half, 2)
			fresh := open(t, js, t.TempDir())
			wantErased(t, fresh, 2)
			if err := fresh.ErasePayloads(t.Context(), 2); err != nil {
				t.Error(err)
			}
			wantReplacedDeleted(t, js, fresh)
			appendAll(t, fresh, "after")
			wantSame(t, fresh, half)
		})
	}
}

// Copies are replaced too. A node that was away with the round as the last one that it has finds its place.
func TestARoundIsErasedFromAgainAndAgain(t *testing.T) {
	s, js := lone(t)
	log := open(t, js, t.TempDir())
	dir := t.TempDir()
	away := open(t, connect(t, s), dir)
	appendAll(t, log, names("small", 5)...)
	catchUp(t, away)
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	other := open(t, connect(t, s), t.TempDir())
	for seq := int64(1); seq <= 4; seq++ {
		erase(t, []*natslog.Log{log, other}[seq%2], seq)
	}
	for _, l := range []*natslog.Log{open(t, connect(t, s), dir), open(t, connect(t, s), t.TempDir()), log, other} {
		catchUp(t, l)
		wantErased(t, l, 1, 2, 3, 4)
	}
	wantReplacedDeleted(t, js, log)
	wantGone(t, js, false, "body of small-3")
	wantGone(t, js, true, "body of small-4")
}

// Two nodes erase at the same time, while others append.
func TestErasuresOfSeveralNodesAreAllDone(t *testing.T) {
	s, js := lone(t)
	logs := []*natslog.Log{open(t, js, t.TempDir()), open(t, connect(t, s), t.TempDir())}
	const n = 40
	appendAll(t, logs[0], names("small", n)...)
	var done sync.WaitGroup
	for i, log := range logs {
		done.Go(func() {
			for seq := int64(1 + i); seq < n; seq += 2 {
				if err := log.ErasePayloads(t.Context(), seq); err != nil {
					t.Errorf("erase event %d: %v", seq, err)
				}
				if r := log.Append(t.Context(), []eventlog.Entry{entry(fmt.Sprint("more-", seq), "body")}); r[0].Err != nil {
					t.Error(r[0].Err)
				}
			}
		})
	}
	done.Wait()
	wantSame(t, logs[0], logs[1])
	wantReplacedDeleted(t, js, logs[0])
	fresh := open(t, js, t.TempDir())
	wantSame(t, logs[0], fresh)
	var erased []int64
	for seq := int64(1); seq < n; seq++ {
		erased = append(erased, seq)
	}
	wantErased(t, fresh, erased...)
}

func TestAMessageThatNobodyHasErasedIsDamageWhenItIsMissing(t *testing.T) {
	_, js := lone(t)
	log, follower := open(t, js, t.TempDir()), open(t, js, t.TempDir())
	appendAll(t, log, "a")
	appendAll(t, log, "b")
	erase(t, log, 1)
	s, err := js.Stream(t.Context(), natslog.StreamName("test"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	wantErased(t, log, 1) // the replica has it
	if err := openOnce(t, js, t.TempDir()); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a new replica: %v", err)
	}
	if err := follower.Follow(t.Context()); !errors.Is(err, eventlog.ErrDamaged) {
		t.Errorf("a follower: %v", err)
	}
}

// An erasure that has not deleted its messages explains the number of those that are missing, and not which ones.
func TestAReaderNoticesWhichMessageIsMissing(t *testing.T) {
	_, js := lone(t)
	log := open(t, js, t.TempDir())
	for _, name := range []string{"a", "b", "c"} {
		appendAll(t, log, name)
	}
	ctx, cancel := context.WithCancel(t.Context())
	log.Intercept(func(next natslog.Request, c context.Context, m *nats.Msg) (*nats.Msg, error) {
		answer, err := next(c, m)
		cancel()
		return answer, err
	})
	if err := log.ErasePayloads(ctx, 1); err == nil {
		t.Fatal("the messages were deleted after the caller had gone")
	}
	stream, err := js.Stream(t.Context(), natslog.StreamName("test"))
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := openOnce(t, js, t.TempDir()); !errors.Is(err, eventlog.ErrDamaged) || !strings.Contains(err.Error(), "message 2 is missing") {
		t.Error(err)
	}
}

// Payloads that are erased together cost one copy of each round.
func TestManyErasuresOfARoundPublishOneCopy(t *testing.T) {
	s, js := lone(t)
	log := open(t, js, t.TempDir())
	away := open(t, connect(t, s), t.TempDir())
	appendAll(t, log, names("first", 50)...)
	appendAll(t, log, names("second", 50)...)
	catchUp(t, away)
	last := func() uint64 {
		t.Helper()
		stream, err := js.Stream(t.Context(), natslog.StreamName("test"))
		if err != nil {
			t.Fatal(err)
		}
		info, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info.State.LastSeq
	}
	before := last()
	var erased []int64
	for seq := int64(1); seq < 100; seq++ {
		erased = append(erased, seq)
	}
	for range 2 {
		if err := log.ErasePayloads(t.Context(), erased...); err != nil {
			t.Fatal(err)
		}
	}
	if n := last() - before; n > 4 {
		t.Errorf("%d messages were published", n)
	}
	wantReplacedDeleted(t, js, log)
	wantGone(t, js, false, "body of first-3")
	wantGone(t, js, false, "body of second-3")
	if err := log.ErasePayloads(t.Context(), 100); err != nil { // of a copy
		t.Fatal(err)
	}
	wantReplacedDeleted(t, js, log)
	for _, l := range []*natslog.Log{log, away, open(t, connect(t, s), t.TempDir())} {
		catchUp(t, l)
		wantErased(t, l, append(slices.Clone(erased), 100)...)
	}
	appendAll(t, log, "after")
	wantSame(t, log, away)
}

// Versions that read format 2 count the copy of a round as replaced when a message lists two of its payloads. They must not read that one.
func TestOnlyErasuresOfSeveralPayloadsHaveTheNewerFormat(t *testing.T) {
	_, js := lone(t)
	log := open(t, js, t.TempDir())
	appendAll(t, log, names("one", 5)...)
	var formats []byte
	for _, seqs := range [][]int64{{1}, {2, 3}, {4}} {
		if err := log.ErasePayloads(t.Context(), seqs...); err != nil {
			t.Fatal(err)
		}
		stream, err := js.Stream(t.Context(), natslog.StreamName("test"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := stream.GetLastMsgForSubject(t.Context(), natslog.ErasuresSubject("test"))
		if err != nil {
			t.Fatal(err)
		}
		formats = append(formats, m.Data[1])
		copied, err := stream.GetMsg(t.Context(), m.Sequence-1)
		if err != nil {
			t.Fatal(err)
		}
		formats = append(formats, copied.Data[1])
	}
	if want := []byte{2, 2, 3, 2, 2, 2}; !bytes.Equal(formats, want) {
		t.Errorf("the erasures and their copies have formats %d, want %d", formats, want)
	}
}
