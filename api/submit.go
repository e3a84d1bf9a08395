package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"daybook/internal/jsontext"
	"daybook/scheduler"
	"daybook/task"
	"daybook/trace"
)

// submit answers POST /api/tasks/submit.
func (a *API) submit(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := wantJSON(r); err != nil {
		return err
	}
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	wait := preferredWait(r)
	one := make([]task.Submit, 1)
	if err := a.readSubmit(p, r, key, &one[0]); err != nil {
		return err
	}
	traced(r, one)
	if err := p.caller.maySubmit(one); err != nil {
		return err
	}
	if err := a.mayDependOn(p, r, one); err != nil {
		return single(err)
	}
	done, err := a.sched().Submit(r.Context(), p.caller.actor(), one)
	if err != nil {
		return single(err)
	}
	if err := p.caller.mayHave(done); err != nil {
		return err
	}
	if wait > 0 {
		if err := a.waitEnded(p, r, &done[0].Task, wait); err != nil {
			return err
		}
		p.Header().Set("Preference-Applied", "wait="+strconv.Itoa(wait))
	}
	return a.sendSubmitted(p, r, &one[0], &done[0], wait > 0)
}

// traced gives submits without a traceparent that of the request's header, if it has one that is valid: others
// are to be ignored (W3C Trace Context).
func traced(r *http.Request, submits []task.Submit) {
	header := r.Header["Traceparent"]
	if len(header) != 1 {
		return
	}
	parent, _ := trace.ParseParent(header[0])
	for i := range submits {
		submits[i].TraceParent = cmp.Or(submits[i].TraceParent, parent.String())
	}
}

// readSubmit reads one submit from the body of r. What is kept of it does not lie in a
// shared buffer.
func (a *API) readSubmit(p *reply, r *http.Request, key string, into *task.Submit) error {
	raw, clean := borrow(), borrow()
	defer giveBack(raw)
	defer giveBack(clean)
	if err := a.readBody(p, r, raw, maxSubmit); err != nil {
		return err
	}
	if len(*raw) == 0 {
		return invalid("", "a JSON body is needed")
	}
	text, err := jsontext.Canonical((*clean)[:0], *raw, maxDepth+1)
	if err != nil {
		return err
	}
	*clean = text
	if bad := a.Intake.Read(text, key, task.MicrosOf(time.Now()), into); bad != nil {
		return wrongOrUnknown(bad)
	}
	return nil
}

// single takes the index from the refusal of a batch of one.
func single(err error) error {
	if batch, ok := err.(*scheduler.BatchError); ok { //nolint:errorlint // made by Submit itself
		return batch.Err
	}
	return err
}

// sendSubmitted answers with the task. A new one needs no look at the log: its
// parameters are at hand and it has nothing else.
func (a *API) sendSubmitted(p *reply, r *http.Request, asked *task.Submit, done *scheduler.Submitted, fresh bool) error {
	one := row{task: &done.Task, parameters: asked.Parameters}
	old := done.Replayed || done.Returned
	if old || fresh {
		var err error
		if one, err = a.rowOf(r.Context(), &done.Task, whole); err != nil {
			return err
		}
	} else {
		one.waiting = a.waitingOfNew(&done.Task)
	}
	h := p.Header()
	if done.Replayed {
		h["Idempotent-Replayed"] = saidTrue
	}
	if done.Returned {
		h["Unique-Returned"] = saidTrue
	}
	if len(done.Replaced) > 0 {
		h["Unique-Replaced"] = []string{idList(done.Replaced)}
	}
	h["Location"] = []string{p.reference("/api/tasks/" + done.Task.Name())}
	buffer := borrow()
	defer giveBack(buffer)
	*buffer = appendRow(*buffer, &one, whole)
	return p.send(typeJSON, *buffer)
}

var saidTrue = []string{"true"}

// noQuery refuses any query key.
func noQuery(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	q, err := queryOf(r)
	if err != nil {
		return err
	}
	for i := range q.bad {
		q.bad[i].Detail = "is not a parameter of this call; it takes none"
	}
	return q.err()
}

// keyOf is the Idempotency-Key of r, "" for none. The draft of the header wants it as a
// structured field, in quotes (RFC 8941): that is the same key as without.
func keyOf(r *http.Request) (string, error) {
	list, ok := r.Header["Idempotency-Key"]
	if !ok {
		return "", nil
	}
	if len(list) > 1 || list[0] == "" || len(list[0]) > task.MaxKeyLength || !cleanText(list[0]) {
		return "", invalid("Idempotency-Key", "must be given once, 1 to 255 bytes of printable characters")
	}
	return unquotedKey(list[0]), nil
}

// unquotedKey takes the quotes off a string of RFC 8941; what is none stays as it is.
func unquotedKey(key string) string {
	if len(key) < 3 || key[0] != '"' || key[len(key)-1] != '"' {
		return key
	}
	inner := key[1 : len(key)-1]
	plain := strings.NewReplacer(`\\`, "", `\"`, "").Replace(inner)
	if strings.ContainsAny(plain, `"\`) {
		return key
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(inner)
}

// maxWait is the longest Prefer: wait, in seconds.
const maxWait = 60

// preferredWait reads Prefer: wait=N (RFC 7240), 0 for none. Other preferences, and one that
// cannot be read, are ignored, as the RFC wants it.
func preferredWait(r *http.Request) int {
	for _, line := range r.Header["Prefer"] {
		for _, one := range strings.FieldsFunc(line, func(c rune) bool { return c == ',' || c == ';' }) {
			name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
			if !strings.EqualFold(name, "wait") {
				continue
			}
			if n, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && n >= 0 {
				return min(n, maxWait)
			}
		}
	}
	return 0
}

// waitEnded waits until the task ends, at most the given number of seconds, and writes the task as it is then.
func (a *API) waitEnded(p *reply, r *http.Request, t *task.Task, seconds int) error {
	ctx, cancel := a.waiting(p, r)
	defer cancel()
	ctx, cancel = context.WithTimeout(ctx, time.Duration(seconds)*time.Second)
	defer cancel()
	now, err := a.sched().WaitEnded(ctx, t.ID)
	if err != nil && ctx.Err() == nil {
		return err
	}
	if now.Status != task.None {
		*t = now
	}
	return nil
}

// submitBatch answers POST /api/tasks/batch: all of the submits, or none.
func (a *API) submitBatch(p *reply, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	if err := wantJSON(r, "application/x-ndjson"); err != nil {
		return err
	}
	key, err := keyOf(r)
	if err != nil {
		return err
	}
	raw, clean := borrow(), borrow()
	defer giveBack(raw)
	defer giveBack(clean)
	if err := a.readBody(p, r, raw, maxBatch); err != nil {
		return err
	}
	parts, err := batchItems(r, *raw, clean)
	if err != nil {
		return err
	}
	submits, bad := a.Intake.ReadBatch(parts, key, task.MicrosOf(time.Now()))
	if bad != nil {
		return wrongOrUnknown(bad)
	}
	traced(r, submits)
	if err := p.caller.maySubmit(submits); err != nil {
		return err
	}
	if err := a.mayDependOn(p, r, submits); err != nil {
		return err
	}
	done, err := a.sched().Submit(r.Context(), p.caller.actor(), submits)
	if key != "" && errors.Is(err, task.ErrKeyReused) {
		return single(err) // the whole batch is to blame
	}
	if err != nil {
		return err
	}
	if err := p.caller.mayHave(done); err != nil {
		return err
	}
	if key != "" && done[0].Replayed {
		p.Header()["Idempotent-Replayed"] = saidTrue
	}
	return a.sendBatch(p, r, submits, done)
}

// batchItems returns the canonical JSON of each submit; they lie in clean.
func batchItems(r *http.Request, raw []byte, clean *[]byte) ([][]byte, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, invalid("", "a body is needed: an array of submits, or one submit a line")
	}
	var parts [][]byte
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-ndjson") {
		parts, err = lines(raw, clean)
	} else {
		parts, err = arrayItems(raw, clean, "submits")
	}
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 || len(parts) > maxBatchSize {
		return nil, invalid("", "must hold 1 to "+itoa(maxBatchSize)+" submits")
	}
	for i, part := range parts {
		if len(part) > maxSubmit {
			return nil, invalid("/"+itoa(int64(i)), "must be at most "+itoa(maxSubmit)+" bytes")
		}
	}
	return parts, nil
}

func arrayItems(raw []byte, clean *[]byte, what string) ([][]byte, error) {
	text, err := jsontext.Canonical((*clean)[:0], raw, maxDepth+2)
	if err != nil {
		return nil, err
	}
	*clean = text
	if !jsontext.IsArray(text) {
		return nil, invalid("", "must be an array of "+what)
	}
	return slices.Collect(jsontext.Items(text)), nil
}

// lines reads one JSON text a line; empty lines are skipped and not counted.
func lines(raw []byte, clean *[]byte) ([][]byte, error) {
	b := slices.Grow((*clean)[:0], len(raw)) // canonical JSON is never longer: parts stay where they are
	var parts [][]byte
	for line := range bytes.Lines(raw) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		start := len(b)
		var err error
		if b, err = jsontext.Canonical(b, line, maxDepth+1); err != nil {
			if bad, ok := err.(*jsontext.Error); ok { //nolint:errorlint // its contract
				return nil, invalid("/"+itoa(int64(len(parts)))+bad.Pointer, bad.Detail)
			}
			return nil, err
		}
		parts = append(parts, b[start:len(b):len(b)])
	}
	*clean = b
	return parts, nil
}

// sendBatch answers with the tasks in order; a header has the indexes of those that
// were there already.
func (a *API) sendBatch(p *reply, r *http.Request, submits []task.Submit, done []scheduler.Submitted) error {
	var replayed, returned []int
	buffer := borrow()
	defer giveBack(buffer)
	b := append(*buffer, '[')
	for i := range done {
		one := row{task: &done[i].Task, parameters: submits[i].Parameters}
		if done[i].Replayed || done[i].Returned {
			var err error
			if one, err = a.rowOf(r.Context(), &done[i].Task, listed); err != nil {
				return err
			}
			if done[i].Replayed {
				replayed = append(replayed, i)
			} else {
				returned = append(returned, i)
			}
		} else {
			one.waiting = a.waitingOfNew(&done[i].Task)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = appendRow(b, &one, whole)
	}
	*buffer = append(b, ']')
	if replayed != nil {
		p.Header()["Idempotent-Replayed-Items"] = []string{runs(replayed)}
	}
	if returned != nil {
		p.Header()["Unique-Returned-Items"] = []string{runs(returned)}
	}
	return p.send(typeJSON, *buffer)
}

// runs writes ascending numbers as "0-4,7". A proxy may allow a header of 4 KiB in all:
// 1,000 indexes one by one would not fit, as runs the worst case takes half of that.
func runs(ascending []int) string {
	var b []byte
	for len(ascending) > 0 {
		n := 1
		for n < len(ascending) && ascending[n] == ascending[0]+n {
			n++
		}
		if b != nil {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(ascending[0]), 10)
		if n > 1 {
			b = append(b, '-')
			b = strconv.AppendInt(b, int64(ascending[n-1]), 10)
		}
		ascending = ascending[n:]
	}
	return string(b)
}
