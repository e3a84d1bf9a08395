package projection

import (
	"crypto/sha256"

	"daybook/task"
)

// everyField has each type of event in its present version, and each field of it, at least once,
// under a clock that was set back. It is how compat/v2, v3 and v4 came to be.
var everyField = story{"every_field", func(l *ledger) {
	l.other("server.loss_accepted", 1, `{"first":1,"last":2,"head":0}`)
	l.other("server.started", 2, `{"version":"0.1.0"}`)
	l.behind = 3600 * task.Second
	holder := l.submit(task.Submit{Type: "REINDEX", MadeSubject: "shop 7", Unique: &task.UniqueSubmit{Key: "shop 7"}})
	failed := l.submit(task.Submit{MaxAttempts: 1})
	l.do(system, failed, task.Fail{Fence: l.start(failed), Code: task.CodePermanent, Error: "bad input"})
	a := l.submit(task.Submit{
		Type: "REINDEX", Queue: "shops", Priority: -5, RunAt: l.now + 2*task.Second, MaxAttempts: 9,
		Backoff: &task.Backoff{Kind: task.Linear, Base: 3 * task.Second, Max: 60 * task.Second, NoJitter: true},
		Timeout: 90 * task.Second, Tags: []string{"plain", `quoted "<&>"`, "Grüße 🎈"},
		IdempotencyKey: "key/1 é", RequestHash: sha256.Sum256([]byte("request")),
		Files: []string{"file-1", "file-2"}, FileNames: []string{"täble.csv", ""}, Parameters: []byte(`{"files":["file-1","file-2"]}`),
		Unique: &task.UniqueSubmit{Key: "shop 7", For: 60 * task.Second, Since: l.now - task.Second, Behind: holder}, RetryOf: failed, TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Subject: "Grüße: both tables", ConcurrencyKey: "customer 7",
	})
	l.do(person, failed, task.Resubmit{As: a})
	l.do(system, holder, task.Succeed{Fence: l.start(holder)})
	l.after(2 * task.Second)
	fence := l.start(a)
	l.do(system, a, task.Progress{Fence: fence, Percent: 12.34, Message: "one of eight", Trusted: true})
	l.do(system, a, task.Fail{Fence: fence, Code: task.CodeError, Error: "disk on fire"})
	l.after(3 * task.Second)
	l.do(robot, a, task.Start{Worker: "crane-7", LeaseSeconds: 30, TokenHash: sha256.Sum256([]byte("token")), Charge: 100_000})
	late := l.tasks[a].Fence()
	l.do(system, a, task.Expire{Fence: late})
	l.refused(robot, a, task.Succeed{Fence: late}, task.ErrStale)
	l.do(system, a, task.Expire{Fence: l.start(a), Crash: task.CrashTogether})
	l.do(system, a, task.Expire{Fence: l.start(a), Crash: task.CrashAlone})
	l.do(system, a, task.Release{Fence: l.start(a), After: 2 * task.Second})
	l.do(person, a, task.Snooze{Until: l.now + 100*task.Second})
	l.do(person, a, task.Reprioritise{Priority: 50})
	l.do(person, a, task.Cancel{Reason: "replaced", ReplacedBy: holder})
	l.do(person, a, task.Retry{Reason: "once more", Key: "retry/1"})
	l.after(100 * task.Second)
	fence = l.start(a)
	l.do(person, a, task.Cancel{Reason: "enough"})
	l.do(system, a, task.Stop{Fence: fence})
	l.do(person, a, task.Retry{})
	fence = l.start(a)
	l.do(robot, a, task.RecordSteps{Fence: fence, Build: "v42", Steps: []task.NewStep{{Name: "charge#2", Value: []byte(`{"payment":"p-1"}`)}}})
	l.do(person, a, task.ForgetStep{Name: "charge#2", Bytes: 17, Changes: 1, Reason: "it was refunded by hand"})
	l.do(robot, a, task.Suspend{Fence: fence, Step: "paid", Kind: task.StepSignal, Until: l.now + 3600*task.Second, Signals: []string{"paid:1", "paid:2"}, All: true})
	l.do(system, a, task.Wake{Step: "paid", Outcome: task.StepTimeout, Signal: "paid:1", Value: []byte("null")})
	l.do(robot, a, task.Suspend{Fence: l.start(a), Step: "ask", Kind: task.StepApproval, Role: "operator", Detail: []byte(`{"title":"Refund?"}`)})
	l.do(person, a, task.Wake{Step: "ask", Outcome: task.StepFired, Value: []byte(`{"approved":true}`), Approval: true})
	fence = l.start(a)
	l.after(task.Second)
	l.do(system, a, task.Succeed{Fence: fence, Result: []byte(`{"total":2}`), Files: []string{"file-3"}, Outcome: "3 sent, 4 failed", Partial: true})
	l.do(person, a, task.Erase{})
	b := l.submit(task.Submit{DependsOn: []task.Dependency{{Task: failed, When: task.WhenSucceeded}, {Task: a, When: task.WhenEnded, Name: "both"}}})
	l.do(system, b, task.Cancel{Reason: "its dependency is FAILED", Because: failed})
	l.submit(task.Submit{DependsOn: []task.Dependency{{Task: b}}, RunAnyway: true})
	l.submit(task.Submit{})
	everyFieldOfChildren(l)
	l.other("server.stopped", 3, `{}`)
}}

// everyFieldOfChildren is the part of it that is about children.
func everyFieldOfChildren(l *ledger) {
	parent := l.submit(task.Submit{Kin: &task.Kin{Children: 1}})
	fence := l.start(parent)
	kin := task.Kin{Parent: parent, Step: "fan", Workflow: parent, Depth: 1, OnFailure: task.ChildEndsRest, Any: true}
	kids := l.bear(parent, "fan", "a")
	for _, name := range []string{"b", "c"} {
		k := kin
		k.Name, k.Detached = name, name == "c"
		kids = append(kids, l.submit(task.Submit{Kin: &k}))
	}
	l.do(robot, parent, task.Suspend{Fence: fence, Step: "join", Kind: task.StepChildren, Of: "fan"})
	l.do(system, parent, task.FailWait{Step: "join", Error: "child a is FAILED"})
	l.do(system, kids[1], task.Cancel{Reason: "its parent has failed"})
	l.do(system, kids[0], task.Cancel{Reason: "its parent has failed"})
	l.do(system, parent, task.Finish{})
	l.do(person, parent, task.Retry{})
	l.do(person, kids[0], task.Retry{})
	l.do(system, parent, task.Fail{Fence: l.start(parent), Code: task.CodePermanent, Error: "no disk"})
	l.do(system, kids[0], task.Cancel{Reason: "its parent has failed"})
	l.do(system, parent, task.Finish{})
	l.do(person, parent, task.Retry{})
	l.do(person, kids[0], task.Retry{})
	l.do(system, parent, task.Succeed{Fence: l.start(parent), Result: []byte("1"), Files: []string{"file-4"}, Outcome: "2 done", Partial: true})
	l.do(person, parent, task.Cancel{Reason: "replaced", ReplacedBy: kids[2], Because: kids[2]})
	l.do(system, kids[0], task.Succeed{Fence: l.start(kids[0])})
	l.do(system, parent, task.Finish{})
}

// tokenUses has what people do with a token in a browser. It is how compat/v4_token_uses came to be.
var tokenUses = story{"token_uses", func(l *ledger) {
	l.other("server.started", 1, `{"version":"0.1.0"}`)
	const hash = "1ec482797e73af35fce00e591c62f84cccff1c9c8ab52d4b4a95da7c5b01db21"
	l.otherOf("token:root", TokenCreated, 1, `{"role":"admin","hash":"`+hash+`"}`)
	l.otherOf("token:press", TokenCreated, 1, `{"role":"admin","hash":"`+hash[:63]+`2"}`)
	l.after(task.Second)
	l.submit(task.Submit{})
	l.otherOf("token:root", TokenUsed, 2, `{}`)
	l.after(task.Second)
	l.otherOf("token:press", TokenRevoked, 2, `{}`)
	l.otherOf("token:press", TokenUsed, 3, `{}`) // the use that has revoked it
	l.other("server.stopped", 2, `{}`)
}}

// otherStreams has each type of event of the streams that are not of tasks, as a server writes them. It is
// how compat/v5_streams came to be.
var otherStreams = story{"other_streams", func(l *ledger) {
	l.other("server.started", 1, `{"version":"0.1.0"}`)
	const hash = "1ec482797e73af35fce00e591c62f84cccff1c9c8ab52d4b4a95da7c5b01db21"
	l.otherOf("token:root", TokenCreated, 1, `{"role":"admin","hash":"`+hash+`"}`)
	l.otherOf("token:press", TokenCreated, 1, `{"role":"worker","queues":["mail"],"task_types":["resize"],"expires_at":1900000000000000,"hash":"`+hash[:63]+`2"}`)
	l.otherOf("token:press", TokenRevoked, 2, `{}`)
	l.otherOf("queue:mail", "queue.limits_set", 1, `{"concurrency":2,"rate_per_second":0.5,"burst":3,"max_depth":1000,"key_concurrency":1,"key_rate_per_second":2,"key_burst":4,"fair_keys":true,"weight":200}`)
	l.otherOf("queue:mail", "queue.paused", 2, `{}`)
	l.otherOf("queue:mail", "queue.resumed", 3, `{}`)
	l.otherOf("queue:pictures", "queue.paused", 1, `{}`)
	const nightly = "schedule:01J00000000000000000000001"
	l.otherOf(nightly, "schedule.created", 1, `{"name":"nightly","cron":"30 2 * * *","timezone":"Europe/Berlin","dst_gap":"shift","dst_overlap":"first","overlap":"skip","catch_up":"one","max_lateness":3600000000,"task_type":"SLEEP","task_hash":"`+hash+`"}`)
	l.otherOf(nightly, "schedule.fired", 2, `{"nominal":"2027-01-15T02:30:00","due":1799976600000000,"task":"01J00000000000000000000002"}`)
	l.otherOf(nightly, "schedule.skipped", 3, `{"nominal":"2027-01-16T02:30:00","due":1800063000000000,"why":"overlap"}`)
	l.otherOf(nightly, "schedule.paused", 4, `{"why":"request"}`)
	l.otherOf(nightly, "schedule.resumed", 5, `{}`)
	l.otherOf(nightly, "schedule.changed", 6, `{"name":"nightly","cron":"30 3 * * *","timezone":"Europe/Berlin","dst_gap":"shift","dst_overlap":"first","overlap":"skip","catch_up":"one","max_lateness":3600000000,"task_type":"SLEEP","task_hash":"`+hash+`"}`)
	const gone = "schedule:01J00000000000000000000003"
	l.otherOf(gone, "schedule.created", 1, `{"name":"gone","every":1000000,"timezone":"UTC","dst_gap":"shift","dst_overlap":"first","overlap":"allow","catch_up":"none","max_lateness":3600000000,"task_type":"SLEEP","task_hash":"`+hash+`"}`)
	l.otherOf(gone, "schedule.deleted", 2, `{}`)
	l.otherOf("type:resize", TypeDeclared, 1, `{"title":"Resize"}`)
	l.otherOf("type:resize", TypeDeclared, 2, `{"title":"Resize","description":"Makes pictures < 4 MB.","parameters_schema":{"type":"object","required":["width"],"properties":{"width":{"type":"integer","minimum":1}}},"result_schema":{"type":"object"},"defaults":{"queue":"pictures","priority":-5,"max_attempts":7,"timeout_seconds":60,"backoff":{"kind":"constant","base_seconds":5},"lease_seconds":120}}`)
	l.otherOf("type:hash", TypeDeclared, 1, `{}`)
	l.otherOf("worker:press-1:a@host", WorkerQuieted, 1, `{}`)
	l.otherOf("worker:press-2", WorkerQuieted, 1, `{}`)
	l.otherOf("worker:press-2", WorkerResumed, 2, `{}`)
	first := l.submit(task.Submit{Queue: "mail", ConcurrencyKey: "customer 7"})
	l.submit(task.Submit{Queue: "mail", ConcurrencyKey: "customer 7"})
	l.after(task.Second)
	l.do(system, first, task.Start{Charge: 100_000})
	l.after(task.Second)
	l.do(system, first, task.Succeed{Fence: l.tasks[first].Fence()})
	l.other("server.stopped", 2, `{}`)
}}
