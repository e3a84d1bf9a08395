package viewfile

import (
	"encoding/binary"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// A body is a Row as bytes: what is not in it is in columns (the submit seq, the id) or
// in the groups (type and queue).
//
//	version (1 byte) · mask (uvarint) · the fields whose bit is set, in order
//
// A field is left out when it has its usual value. A number is the zigzag varint of
// its distance from a base, which is an earlier field or 0. Text is a length and bytes.
const bodyVersion = 2

// Bits of the mask above those of the numbers.
const (
	bitTags = numberCount + iota
	bitWorker
	bitKey
	bitEvents
	bitBoot
	bitRequestHash
	bitNotes
	bitLinks
)

// The numbers of a body in their order.
const (
	nState = iota // status and flags
	nGroup
	nCreatedAt
	nStartedAt
	nCompletedAt
	nVersion
	nLastSeq
	nAttempt
	nLastFence
	nResultSeq
	nErrorSeq
	nCode
	nPriority
	nDueAt
	nRunAt
	nReadyAt
	nMaxAttempts
	nProgress
	nMessageSeq
	nAttemptBase
	nTimeout
	nBackoffKind
	nBackoffBase
	nBackoffMax
	nFence
	nRefusedFence
	nLeaseSeconds
	nReports

	numberCount
)

const (
	flagRetrying = 1 << (8 + iota)
	flagCancelRequested
	flagErased
	flagNoJitter
	flagDue
	flagTimed
	flagTrusted

	suspicionShift = 16 // 8 bits
	deathsShift    = 24 // 8 bits
)

// Two more places among the numbers, for bases.
const (
	zero = numberCount + iota
	submitSeq

	places
)

// fields says of each number what is usual, a constant more than an earlier number, and
// the earlier number from which its distance is measured. This is part of the format: it
// must not follow the defaults of tasks.
var fields = [numberCount]struct {
	usual      int64
	above      uint8
	distanceTo uint8
}{
	nState:        {0, zero, zero},
	nGroup:        {0, zero, zero},
	nCreatedAt:    {0, zero, zero},
	nStartedAt:    {0, zero, nCreatedAt},
	nCompletedAt:  {0, zero, nStartedAt}, // to nCreatedAt when it never started
	nVersion:      {0, zero, zero},
	nLastSeq:      {0, submitSeq, submitSeq},
	nAttempt:      {0, zero, zero},
	nLastFence:    {0, zero, zero},
	nResultSeq:    {0, zero, nLastSeq},
	nErrorSeq:     {0, zero, nLastSeq},
	nCode:         {0, zero, zero},
	nPriority:     {0, zero, zero},
	nDueAt:        {0, nCreatedAt, nCreatedAt},
	nRunAt:        {0, zero, nCreatedAt},
	nReadyAt:      {0, nCreatedAt, nCreatedAt},
	nMaxAttempts:  {3, zero, zero},
	nProgress:     {10_000, zero, zero},
	nMessageSeq:   {0, zero, nLastSeq},
	nAttemptBase:  {0, zero, zero},
	nTimeout:      {0, zero, zero},
	nBackoffKind:  {0, zero, zero},
	nBackoffBase:  {2_000_000, zero, zero},
	nBackoffMax:   {600_000_000, zero, zero},
	nFence:        {0, zero, zero},
	nRefusedFence: {0, zero, zero},
	nLeaseSeconds: {0, zero, zero},
	nReports:      {0, zero, zero},
}

// numbers are those of a body, and the bases.
type numbers [places]int64

// usual returns the value that number i has when it is left out, and the base of its
// distance.
func (n *numbers) usual(i int) (usual, base int64) {
	f := &fields[i]
	if i == nCompletedAt && n[nStartedAt] == 0 {
		return 0, n[nCreatedAt]
	}
	return f.usual + n[f.above], n[f.distanceTo]
}

// numbersOf takes the numbers out of a row.
func numbersOf(r *Row, n *numbers) {
	t := &r.Task
	n[submitSeq] = t.SubmitSeq
	n[nState] = int64(t.Status) | bitIf(t.Retrying, flagRetrying) | bitIf(t.CancelRequested, flagCancelRequested) |
		bitIf(t.Erased, flagErased) | bitIf(t.Backoff.NoJitter, flagNoJitter) | bitIf(r.Due, flagDue) |
		bitIf(t.Timed, flagTimed) | bitIf(t.Trusted, flagTrusted) |
		int64(t.Suspicion)<<suspicionShift | int64(t.Deaths)<<deathsShift
	n[nGroup] = int64(r.Group)
	n[nCreatedAt], n[nStartedAt], n[nCompletedAt] = int64(t.CreatedAt), int64(t.StartedAt), int64(t.CompletedAt)
	n[nRunAt], n[nDueAt], n[nReadyAt] = int64(t.RunAt), int64(t.DueAt), int64(t.ReadyAt)
	n[nVersion], n[nLastSeq] = t.Version, t.LastSeq
	n[nMessageSeq], n[nResultSeq], n[nErrorSeq] = t.MessageSeq, t.ResultSeq, t.ErrorSeq
	n[nAttempt], n[nAttemptBase], n[nMaxAttempts] = int64(t.Attempt), int64(t.AttemptBase), int64(t.MaxAttempts)
	n[nFence], n[nLastFence], n[nRefusedFence] = t.Fence, t.LastFence, t.RefusedFence
	n[nCode], n[nPriority], n[nProgress], n[nReports] = int64(t.Code), int64(t.Priority), int64(t.Progress), t.Reports
	n[nTimeout], n[nLeaseSeconds] = int64(t.Timeout), int64(t.LeaseSeconds)
	n[nBackoffKind], n[nBackoffBase], n[nBackoffMax] = int64(t.Backoff.Kind), int64(t.Backoff.Base), int64(t.Backoff.Max)
}

func bitIf(set bool, bit int64) int64 {
	if set {
		return bit
	}
	return 0
}

// setNumbers is the inverse of numbersOf.
func setNumbers(r *Row, n *numbers) {
	t, flags := &r.Task, n[nState]
	t.Status = task.Status(flags)
	t.Retrying, t.CancelRequested = flags&flagRetrying != 0, flags&flagCancelRequested != 0
	t.Erased, r.Due = flags&flagErased != 0, flags&flagDue != 0
	t.Timed, t.Trusted = flags&flagTimed != 0, flags&flagTrusted != 0
	t.Suspicion, t.Deaths = uint8(flags>>suspicionShift), uint8(flags>>deathsShift)
	r.Group = uint32(n[nGroup])
	t.CreatedAt, t.StartedAt, t.CompletedAt = task.Micros(n[nCreatedAt]), task.Micros(n[nStartedAt]), task.Micros(n[nCompletedAt])
	t.RunAt, t.DueAt, t.ReadyAt = task.Micros(n[nRunAt]), task.Micros(n[nDueAt]), task.Micros(n[nReadyAt])
	t.Version, t.LastSeq = n[nVersion], n[nLastSeq]
	t.MessageSeq, t.ResultSeq, t.ErrorSeq = n[nMessageSeq], n[nResultSeq], n[nErrorSeq]
	t.Attempt, t.AttemptBase, t.MaxAttempts = int(n[nAttempt]), int(n[nAttemptBase]), int(n[nMaxAttempts])
	t.Fence, t.LastFence, t.RefusedFence = n[nFence], n[nLastFence], n[nRefusedFence]
	t.Code, t.Priority, t.Progress, t.Reports = task.Code(n[nCode]), int(n[nPriority]), int(n[nProgress]), n[nReports]
	t.Timeout, t.LeaseSeconds = task.Micros(n[nTimeout]), int(n[nLeaseSeconds])
	t.Backoff = task.Backoff{
		Kind: task.BackoffKind(n[nBackoffKind]), Base: task.Micros(n[nBackoffBase]), Max: task.Micros(n[nBackoffMax]),
		NoJitter: flags&flagNoJitter != 0,
	}
}

// appendBody appends the row's body to dst.
func appendBody(dst []byte, r *Row) []byte {
	var n numbers
	numbersOf(r, &n)
	var room [numberCount * binary.MaxVarintLen64]byte
	numbers, mask := room[:0], maskOfTexts(r)
	for i := range numberCount {
		if usual, base := n.usual(i); n[i] != usual {
			mask |= 1 << i
			numbers = binary.AppendVarint(numbers, n[i]-base)
		}
	}
	dst = binary.AppendUvarint(append(dst, bodyVersion), mask)
	return appendTexts(append(dst, numbers...), r, mask)
}

// maskOfTexts returns the bits of what is not a number.
func maskOfTexts(r *Row) (mask uint64) {
	t := &r.Task
	if len(t.Tags) > 0 {
		mask |= 1 << bitTags
	}
	if t.Worker != "" {
		mask |= 1 << bitWorker
	}
	if t.IdempotencyKey != "" {
		mask |= 1 << bitKey
	}
	if len(r.Events) > 0 {
		mask |= 1 << bitEvents
	}
	if t.Boot != (ulid.ULID{}) {
		mask |= 1 << bitBoot
	}
	if t.RequestHash != ([32]byte{}) {
		mask |= 1 << bitRequestHash
	}
	if t.Notes != nil {
		mask |= 1 << bitNotes
	}
	if t.Links != nil {
		mask |= 1 << bitLinks
	}
	return mask
}

func appendTexts(dst []byte, r *Row, mask uint64) []byte {
	t := &r.Task
	if mask&(1<<bitTags) != 0 {
		dst = binary.AppendUvarint(dst, uint64(len(t.Tags)))
		for _, tag := range t.Tags {
			dst = appendText(dst, tag)
		}
	}
	if mask&(1<<bitWorker) != 0 {
		dst = appendText(dst, t.Worker)
	}
	if mask&(1<<bitKey) != 0 {
		dst = appendText(dst, t.IdempotencyKey)
	}
	if mask&(1<<bitEvents) != 0 {
		dst = appendText(dst, r.Events)
	}
	if mask&(1<<bitBoot) != 0 {
		dst = append(dst, t.Boot[:]...)
	}
	if mask&(1<<bitRequestHash) != 0 {
		dst = append(dst, t.RequestHash[:]...)
	}
	if mask&(1<<bitNotes) != 0 {
		dst = appendText(appendText(dst, t.Notes.Subject), t.Notes.Outcome)
		dst = append(dst, byte(bitIf(t.Notes.Partial, 1)))
	}
	if mask&(1<<bitLinks) != 0 {
		dst = appendLinks(dst, t.Links)
	}
	return dst
}

func appendText[T string | []byte](dst []byte, text T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// decodeBody fills r from its columns and body; type and queue come from the groups, and
// stay empty when these are nil.
// Nothing in r points into body afterwards.
func decodeBody(r *Row, seq int64, id, body []byte, groups []Group) error {
	*r = Row{}
	in := input{rest: body, ok: true}
	if len(id) != len(r.Task.ID) || in.byte() != bodyVersion {
		return damaged("the body of a task is of another version")
	}
	mask := in.uvarint()
	n := numbers{submitSeq: seq}
	for i := range numberCount {
		usual, base := n.usual(i)
		if n[i] = usual; mask&(1<<i) != 0 {
			n[i] = base + in.varint()
		}
	}
	setNumbers(r, &n)
	r.Task.SubmitSeq = seq
	copy(r.Task.ID[:], id)
	in.texts(r, mask)
	if !in.ok || len(in.rest) != 0 || mask>>(bitLinks+1) != 0 || n[nGroup] != int64(r.Group) {
		return damaged("the body of a task cannot be read")
	}
	if groups == nil {
		return nil
	}
	if int(r.Group) >= len(groups) {
		return damaged("a task is of a group that is not there")
	}
	r.Task.Type, r.Task.Queue = groups[r.Group].Type, groups[r.Group].Queue
	return nil
}

func (in *input) texts(r *Row, mask uint64) {
	t := &r.Task
	if mask&(1<<bitTags) != 0 {
		count := in.uvarint()
		if count > uint64(len(in.rest)) {
			in.ok = false
			return
		}
		t.Tags = make([]string, count)
		for i := range t.Tags {
			t.Tags[i] = string(in.text())
		}
	}
	if mask&(1<<bitWorker) != 0 {
		t.Worker = string(in.text())
	}
	if mask&(1<<bitKey) != 0 {
		t.IdempotencyKey = string(in.text())
	}
	if mask&(1<<bitEvents) != 0 {
		r.Events = append([]byte(nil), in.text()...)
	}
	if mask&(1<<bitBoot) != 0 {
		copy(t.Boot[:], in.take(uint64(len(t.Boot))))
	}
	if mask&(1<<bitRequestHash) != 0 {
		copy(t.RequestHash[:], in.take(uint64(len(t.RequestHash))))
	}
	if mask&(1<<bitNotes) != 0 {
		t.Notes = &task.Notes{Subject: string(in.text()), Outcome: string(in.text())}
		t.Notes.Partial = in.byte() == 1
	}
	if mask&(1<<bitLinks) != 0 {
		t.Links = in.links()
	}
}

// input reads what append… wrote. After the first mistake ok is false and all it gives
// is zero.
type input struct {
	rest []byte
	ok   bool
}

func (in *input) take(n uint64) []byte {
	if n > uint64(len(in.rest)) {
		in.ok, in.rest = false, nil
		return nil
	}
	taken := in.rest[:n]
	in.rest = in.rest[n:]
	return taken
}

func (in *input) byte() byte {
	if b := in.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (in *input) uvarint() uint64 {
	v, n := binary.Uvarint(in.rest)
	if n <= 0 {
		in.ok, in.rest = false, nil
		return 0
	}
	in.rest = in.rest[n:]
	return v
}

func (in *input) varint() int64 {
	v := in.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (in *input) text() []byte { return in.take(in.uvarint()) }
