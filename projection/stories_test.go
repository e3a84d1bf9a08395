package projection

import (
	"crypto/sha256"
	"fmt"

	"daybook/task"

	"github.com/oklog/ulid/v2"
)

// story is a fixture: what happened, told in commands. Its events lie in
// testdata/<name>/events.jsonl.
type story struct {
	name string
	tell func(l *ledger)
}

const (
	person  = "token:ada"
	system  = "system:scheduler"
	robot   = "worker:crane-7"
	farAway = "worker:crane-8"
)

// stories lists all fixtures but the compatibility ones, which are nobody's story any more.
var stories = []story{
	{"happy_path", func(l *ledger) {
		l.other("server.started", 1, `{"version":"0.1.0"}`)
		id := l.submit(task.Submit{Type: "DATA_PROCESSING", Parameters: []byte(`{"rows":1000}`)})
		l.after(3 * task.Second)
		fence := l.start(id)
		l.after(2 * task.Second)
		l.do(system, id, task.Progress{Fence: fence, Percent: 42.5, Message: "425 of 1000 rows"})
		l.after(2 * task.Second)
		l.do(system, id, task.Progress{Fence: fence, Percent: 100})
		l.after(task.Second)
		l.do(system, id, task.Succeed{Fence: fence, Result: []byte(`{"total_rows":1000}`), Files: []string{"f1"}})
		l.other("server.stopped", 2, `{}`)
	}},

	{"retry_then_success", func(l *ledger) {
		id := l.submit(task.Submit{})
		fence := l.start(id)
		l.after(task.Second)
		l.do(system, id, task.Fail{Fence: fence, Code: task.CodeError, Error: "connection refused", Seed: 1 << 63})
		l.after(task.Second) // half of the 2 s, as the seed says
		l.views.Promote(l.now)
		fence = l.start(id)
		l.after(task.Second)
		l.do(system, id, task.Succeed{Fence: fence, Result: []byte(`{}`)})
	}},

	{"out_of_attempts", func(l *ledger) {
		id := l.submit(task.Submit{MaxAttempts: 2, Backoff: &task.Backoff{Kind: task.Constant, Base: 5 * task.Second, Max: 5 * task.Second, NoJitter: true}})
		for _, code := range []task.Code{task.CodeTimeout, task.CodePanic} {
			fence := l.start(id)
			l.after(10 * task.Second)
			l.do(system, id, task.Fail{Fence: fence, Code: code, Error: "it did not go well"})
			l.after(5 * task.Second)
			l.views.Promote(l.now)
		}
	}},

	familyStory,

	notifyStory,

	{"permanent_error", func(l *ledger) {
		id := l.submit(task.Submit{MaxAttempts: 5})
		fence := l.start(id)
		l.after(20 * task.Second / 1000)
		l.do(system, id, task.Fail{Fence: fence, Code: task.CodePermanent, Error: "the file is not text"})
	}},

	{"steps", func(l *ledger) {
		id := l.submit(task.Submit{})
		l.do(robot, id, task.Start{Worker: "crane-7", LeaseSeconds: 30, TokenHash: sha256.Sum256([]byte("token"))})
		fence := l.tasks[id].Fence()
		l.do(robot, id, task.RecordSteps{Fence: fence, Build: "v42", Steps: []task.NewStep{{Name: "charge", Value: []byte(`{"payment":"p-1"}`)}, {Name: "mail", Value: []byte("true")}}})
		l.after(30 * task.Second)
		l.do(system, id, task.Expire{Fence: fence})
		l.refused(robot, id, task.RecordSteps{Fence: fence, Steps: []task.NewStep{{Name: "late", Value: []byte("1")}}}, task.ErrStale)
		fence = l.start(id)
		l.do(person, id, task.Cancel{Reason: "wrong order"})
		l.do(system, id, task.RecordSteps{Fence: fence, Steps: []task.NewStep{{Name: "refund", Value: []byte("null")}}})
		l.do(system, id, task.Stop{Fence: fence})
		l.refused(person, id, task.ForgetStep{Name: "charge", Bytes: 17, Changes: 2, Reason: "seen too early"}, task.ErrStepsChanged)
		l.do(person, id, task.ForgetStep{Name: "charge", Bytes: 17, Changes: 3, Reason: "it was refunded by hand"})
		l.do(person, id, task.Retry{})
		l.do(system, id, task.Succeed{Fence: l.start(id)})
		l.refused(person, id, task.ForgetStep{Name: "mail", Bytes: 4, Changes: 4}, task.ErrSucceeded)
	}},

	{"suspended_streams", func(l *ledger) {
		ids := make([]ulid.ULID, 4)
		waits := []task.Suspend{
			{Step: "nap", Kind: task.StepSleep, Until: l.now + 60*task.Second},
			{Step: "paid", Kind: task.StepSignal, Signals: []string{"paid:1", "paid:2"}, Until: l.now + 3600*task.Second},
			{Step: "both", Kind: task.StepSignal, Signals: []string{"paid:1", "paid:2"}, All: true},
			{Step: "ask", Kind: task.StepApproval, Role: "operator", Detail: []byte(`{"title":"Refund order 42?","fields":{"type":"object"}}`)},
		}
		for i := range ids {
			ids[i] = l.submit(task.Submit{})
			waits[i].Fence = l.start(ids[i])
			l.do(system, ids[i], waits[i])
		}
		l.refused(person, ids[0], task.Snooze{Until: l.now}, task.ErrSuspended)
		l.refused(system, ids[0], task.Start{Boot: l.boot}, task.ErrNotPending)
		l.after(task.Second)
		l.otherOf("signal:paid:2", SignalSent, 1, fmt.Sprintf(`{"until":%d}`, l.now+7*86400*task.Second))
		l.do(system, ids[1], task.Wake{Step: "paid", Outcome: task.StepFired, Signal: "paid:2", Value: []byte(`{"amount":99}`)})
		l.do(system, ids[1], task.Succeed{Fence: l.start(ids[1])})
		l.after(60 * task.Second)
		l.do(system, ids[0], task.Wake{Step: "nap", Value: []byte("null")})
		l.do(person, ids[3], task.Cancel{Reason: "nobody answers"})
		l.do(person, ids[2], task.Cancel{Reason: "wrong order"})
		l.after(task.Second)
		l.do(person, ids[2], task.Retry{Reason: "oops", Undo: true})
	}},

	{"cancel_pending", func(l *ledger) {
		id := l.submit(task.Submit{})
		l.submit(task.Submit{})
		l.after(task.Second)
		l.do(person, id, task.Cancel{Reason: "not needed any more"})
		l.refused(person, id, task.Cancel{}, task.ErrEnded)
		l.refused(system, id, task.Start{Boot: l.boot}, task.ErrNotPending)
	}},

	{"cancel_running", func(l *ledger) {
		id := l.submit(task.Submit{})
		fence := l.start(id)
		l.after(task.Second)
		l.do(person, id, task.Cancel{Reason: "wrong file"})
		l.do(person, id, task.Cancel{Reason: "asked twice, written once"})
		l.refused(system, id, task.Progress{Fence: fence, Percent: 50}, task.ErrStopping)
		l.refused(system, id, task.Succeed{Fence: fence}, task.ErrStopping)
		l.after(task.Second)
		l.do(system, id, task.Stop{Fence: fence})
	}},

	{"crash", func(l *ledger) {
		l.other("server.started", 1, `{"version":"0.1.0"}`)
		local := l.submit(task.Submit{})
		remote := l.submit(task.Submit{Queue: "yard"})
		stopping := l.submit(task.Submit{})
		l.start(local)
		l.do(robot, remote, task.Start{Worker: "crane-7", LeaseSeconds: 30, TokenHash: sha256.Sum256([]byte("token"))})
		l.start(stopping)
		l.do(person, stopping, task.Cancel{})
		l.after(5 * task.Second)
		l.boot = idOf(l.now, 99) // the process died here, and this is the next one
		l.other("server.started", 1, `{"version":"0.1.0"}`)
		for _, id := range []ulid.ULID{local, stopping} {
			l.do(system, id, task.Expire{Fence: l.tasks[id].Fence()})
		}
		l.after(task.Second)
		fence := l.start(local)
		l.after(29 * task.Second)
		l.do(system, remote, task.Expire{Fence: l.tasks[remote].Fence()})
		l.do(system, local, task.Succeed{Fence: fence})
	}},

	{"worker_died_at_last_attempt", func(l *ledger) {
		id := l.submit(task.Submit{MaxAttempts: 1})
		fence := l.start(id)
		l.after(task.Second)
		l.do(system, id, task.Expire{Fence: fence})
	}},

	{"release_at_stop", func(l *ledger) {
		id := l.submit(task.Submit{MaxAttempts: 1})
		fence := l.start(id)
		l.after(20 * task.Second)
		l.do(system, id, task.Release{Fence: fence})
		l.after(10 * task.Second)
		fence = l.start(id)
		l.after(task.Second)
		l.do(system, id, task.Succeed{Fence: fence})
	}},

	{"retry_by_a_person", func(l *ledger) {
		id := l.submit(task.Submit{MaxAttempts: 1})
		for range 2 {
			fence := l.start(id)
			l.after(task.Second)
			l.do(system, id, task.Fail{Fence: fence, Code: task.CodeError, Error: "no such host"})
			l.after(60 * task.Second)
			l.do(person, id, task.Retry{Reason: "the host is back"})
		}
		l.do(person, id, task.Cancel{})
		l.refused(person, id, task.Snooze{Until: l.now + task.Second}, task.ErrNotPending)
		l.do(person, id, task.Retry{})
		fence := l.start(id)
		l.after(task.Second)
		l.do(system, id, task.Succeed{Fence: fence})
		l.refused(person, id, task.Retry{}, task.ErrSucceeded)
	}},

	{"late_result_refused", func(l *ledger) {
		id := l.submit(task.Submit{Queue: "yard"})
		l.do(robot, id, task.Start{Worker: "crane-7", LeaseSeconds: 10, TokenHash: sha256.Sum256([]byte("first"))})
		late := l.tasks[id].Fence()
		l.after(10 * task.Second)
		l.do(system, id, task.Expire{Fence: late})
		l.refused(robot, id, task.Succeed{Fence: late}, task.ErrStale) // written
		l.refused(robot, id, task.Succeed{Fence: late}, task.ErrStale) // not again
		l.do(farAway, id, task.Start{Worker: "crane-8", LeaseSeconds: 10, TokenHash: sha256.Sum256([]byte("second"))})
		fence := l.tasks[id].Fence()
		l.refused(robot, id, task.Fail{Fence: late, Code: task.CodeError, Error: "x"}, task.ErrStale)
		l.after(task.Second)
		l.do(farAway, id, task.Succeed{Fence: fence})
		l.refused(farAway, id, task.Release{Fence: fence}, task.ErrStale) // written: it held the task once
		l.refused(robot, id, task.Succeed{Fence: 77}, task.ErrStale)      // never held it
	}},

	{"priorities_and_run_at", func(l *ledger) {
		l.submit(task.Submit{Tags: []string{"third"}})
		l.submit(task.Submit{Priority: 10, Tags: []string{"second"}})
		l.submit(task.Submit{Priority: 10, RunAt: l.now - 3600*task.Second, Tags: []string{"in the past: after the second"}})
		l.submit(task.Submit{Priority: 100, RunAt: l.now + 30*task.Second, Tags: []string{"first, but not before its time"}})
		l.submit(task.Submit{Priority: -100, Tags: []string{"last of the ready"}})
		l.submit(task.Submit{Priority: 100, RunAt: l.now + 3600*task.Second, Tags: []string{"in an hour"}})
		l.after(30 * task.Second)
		l.submit(task.Submit{Tags: []string{"half a minute later"}})
	}},

	{"idempotency", func(l *ledger) {
		l.submit(task.Submit{IdempotencyKey: "order 1", RequestHash: sha256.Sum256([]byte("order 1"))})
		l.submit(task.Submit{IdempotencyKey: "Bestellung № 2", RequestHash: sha256.Sum256([]byte("order 2"))})
		l.submit(task.Submit{})
	}},

	{"snooze_and_reprioritise", func(l *ledger) {
		snoozed := l.submit(task.Submit{})
		raised := l.submit(task.Submit{})
		woken := l.submit(task.Submit{RunAt: l.now + 3600*task.Second})
		running := l.submit(task.Submit{})
		l.start(running)
		l.after(task.Second)
		l.do(person, snoozed, task.Snooze{Until: l.now + 60*task.Second})
		l.do(person, raised, task.Reprioritise{Priority: 7})
		l.do(person, raised, task.Reprioritise{Priority: 7}) // no event
		l.do(person, woken, task.Snooze{Until: l.now - task.Second})
		l.do(person, running, task.Reprioritise{Priority: -7})
		l.refused(person, running, task.Snooze{Until: l.now + task.Second}, task.ErrNotPending)
	}},

	{"waits_that_attempts_ask_for", func(l *ledger) {
		failed, released := l.submit(task.Submit{}), l.submit(task.Submit{})
		l.do(system, failed, task.Fail{Fence: l.start(failed), Error: "busy until tomorrow", After: 24 * 3600 * task.Second})
		l.do(system, released, task.Release{Fence: l.start(released), After: 3600 * task.Second})
		l.after(60 * task.Second)
	}},

	{"erase", func(l *ledger) {
		id := l.submit(task.Submit{Parameters: []byte(`{"recipients":["ada@example.com"]}`), Subject: "Invoice of Ada Lovelace"})
		l.refused(person, id, task.Erase{}, task.ErrNotEnded)
		fence := l.start(id)
		l.after(task.Second)
		l.do(system, id, task.Succeed{Fence: fence, Result: []byte(`{"sent_emails":1}`), Outcome: "1 sent to Ada", Partial: true})
		l.after(3600 * task.Second)
		l.do(person, id, task.Erase{})
		l.do(person, id, task.Erase{}) // no event
	}},

	{"unique_and_retried_as", func(l *ledger) {
		unique := func(u task.UniqueSubmit) task.Submit {
			return task.Submit{Type: "REINDEX", RunAt: l.now + 30*task.Second, Unique: &u}
		}
		running := l.submit(task.Submit{Type: "REINDEX", Unique: &task.UniqueSubmit{Key: "shop 7"}})
		fence := l.start(running)
		l.after(10 * task.Second)
		waits := l.submit(unique(task.UniqueSubmit{Key: "shop 7", Behind: running}))
		since := l.now
		l.after(20 * task.Second)
		last := unique(task.UniqueSubmit{Key: "shop 7", OnConflict: task.ConflictReplace, MaxDelay: 40 * task.Second, Since: since, Behind: running})
		l.do(person, waits, task.Cancel{Reason: "replaced by a newer task with the same unique key", ReplacedBy: idOf(l.now, uint64(len(l.order)+1))})
		next := l.submit(last)
		l.do(system, running, task.Fail{Fence: fence, Code: task.CodePermanent, Error: "no such shop"})
		l.after(20 * task.Second)
		l.views.Promote(l.now)
		l.do(system, next, task.Succeed{Fence: l.start(next)})
		l.submit(task.Submit{Type: "REPORT", Unique: &task.UniqueSubmit{Key: "daily", For: 3600 * task.Second}})
		again := l.submit(task.Submit{Type: "REINDEX", RetryOf: running, Parameters: []byte(`{"shop":8}`)})
		l.do(person, running, task.Resubmit{As: again})
		l.refused(person, next, task.Resubmit{As: again}, task.ErrSucceeded)
		l.do(person, waits, task.Retry{})
	}},

	everyType,
	everyField,
	otherStreams,
	tokenUses,
}

// everyType has each type of event, and each field of data, at least once.
// It is how compat/v1 came to be.
var everyType = story{"every_type", func(l *ledger) {
	l.other("server.loss_accepted", 1, `{"first":1,"last":2,"head":0}`)
	l.other("server.started", 2, `{"version":"0.1.0"}`)
	a := l.submit(task.Submit{
		Type: "IMAGE_PROCESSING", Queue: "pictures", Priority: -5, RunAt: l.now + 2*task.Second, MaxAttempts: 4,
		Backoff: &task.Backoff{Kind: task.Linear, Base: 3 * task.Second, Max: 60 * task.Second, NoJitter: true},
		Timeout: 90 * task.Second, Tags: []string{"plain", `quoted "<&>"`, "Grüße 🎈"},
		IdempotencyKey: "key/1 é", RequestHash: sha256.Sum256([]byte("request")), Files: []string{"file-1", "file-2"},
		Parameters: []byte(`{"files":["file-1","file-2"]}`),
	})
	l.after(2 * task.Second)
	l.views.Promote(l.now)
	fence := l.start(a)
	l.after(task.Second)
	l.do(system, a, task.Progress{Fence: fence, Percent: 12.34, Message: "one of eight"})
	l.do(system, a, task.Fail{Fence: fence, Code: task.CodeError, Error: "disk on fire"})
	l.after(3 * task.Second)
	l.views.Promote(l.now)
	l.do(robot, a, task.Start{Worker: "crane-7", LeaseSeconds: 30, TokenHash: sha256.Sum256([]byte("token"))})
	late := l.tasks[a].Fence()
	l.do(system, a, task.Expire{Fence: late})
	l.refused(robot, a, task.Succeed{Fence: late}, task.ErrStale)
	fence = l.start(a)
	l.do(system, a, task.Release{Fence: fence})
	l.do(person, a, task.Snooze{Until: l.now + 5*task.Second})
	l.do(person, a, task.Reprioritise{Priority: 50})
	l.after(5 * task.Second)
	l.views.Promote(l.now)
	fence = l.start(a)
	l.do(person, a, task.Cancel{Reason: "enough"})
	l.do(system, a, task.Stop{Fence: fence})
	l.do(person, a, task.Retry{Reason: "once more"})
	fence = l.start(a)
	l.after(task.Second)
	l.do(system, a, task.Succeed{Fence: fence, Result: []byte(`{"total_images":2}`), Files: []string{"file-3"}})
	l.do(person, a, task.Erase{})

	b := l.submit(task.Submit{Backoff: &task.Backoff{Kind: task.Constant, Base: task.Second, Max: task.Second}})
	fence = l.start(b)
	l.do(system, b, task.Fail{Fence: fence, Code: task.CodePermanent, Error: "bad input"})
	c := l.submit(task.Submit{})
	l.do(person, c, task.Cancel{})
	for _, code := range []task.Code{task.CodeTimeout, task.CodePanic} {
		d := l.submit(task.Submit{MaxAttempts: 1})
		l.do(system, d, task.Fail{Fence: l.start(d), Code: code, Error: "no luck"})
	}
	e := l.submit(task.Submit{MaxAttempts: 1})
	l.do(system, e, task.Expire{Fence: l.start(e)})
	l.submit(task.Submit{})
	l.other("server.stopped", 3, `{}`)
}}
