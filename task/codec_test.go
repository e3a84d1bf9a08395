package task

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"
)

// fullData has every field set.
func fullData() Data {
	return Data{
		TaskType: "DATA_PROCESSING", Queue: "mail", Priority: -100, RunAt: 1_795_521_600_000_000, MaxAttempts: 1000,
		Backoff: Backoff{Kind: Linear, Base: 2 * Second, Max: 600 * Second, NoJitter: true}, Timeout: 90 * Second,
		Tags: []string{"plain", "Grüße 🎈", "\u2028 <&> \\ \" \x7f"}, IdempotencyKey: "key/é", RequestHash: [32]byte{1, 0xAB},
		Files: []string{"f1", "f2"}, FileNames: []string{"a.csv", "", "\"ü\" <b>"}, Outcome: "3 sent,\u2028 4 failed", Partial: true, Attempt: 3, Boot: ulid.ULID{0, 1, 2}, Worker: "crane-7", LeaseSeconds: 30,
		TokenHash: [32]byte{31: 9}, Fence: math.MaxInt64, Progress: 10_000, RetryAt: math.MinInt64, Code: CodeWorkerDied,
		Clock: 1_795_521_600_000_001, Suspicion: 7, Deaths: 2, Trusted: true,
		UniqueKey: "reindex/é", UniqueFor: 60 * Second, UniqueSince: 1_795_521_600_000_002, UniqueBehind: ulid.ULID{3}, RetryOf: ulid.ULID{4}, TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ReplacedBy: ulid.ULID{5}, RetriedAs: ulid.ULID{6},
		Subject: "Grüße <b>", SubjectGiven: true, ConcurrencyKey: "customer/é", Charge: 1_234, InBackoff: true,
		Step: "charge#2", StepKind: StepApproval, StepOutcome: StepTimeout, Signal: "paid:é", Build: "v42", Bytes: 77,
		Until: 1_795_521_600_000_003, Signals: []string{"paid:42", "é"}, All: true, Role: "operator", Of: "fan",
		ParentID: ulid.ULID{7}, ParentStep: "fan", ChildName: "child/é", WorkflowID: ulid.ULID{8}, Depth: 3, Detached: true, OnFailure: ChildEndsRest, JoinAny: true,
		Children: 9, EndsAs: Cancelled, Waits: true,
		DependsOn: []Dependency{{Task: ulid.ULID{7}}, {Task: ulid.ULID{8}, When: WhenEnded, Name: "fetch"}}, RunAnyway: true, Because: ulid.ULID{9},
	}
}

// only keeps the fields that the type has.
func only(t EventType, d Data) Data { return pick(fieldsOf[t], d) }

// pick keeps the given fields.
func pick(fields []*field, d Data) Data {
	var kept Data
	for _, f := range fields {
		reflect.ValueOf(f.at(&kept)).Elem().Set(reflect.ValueOf(f.at(&d)).Elem())
	}
	return kept
}

// checkDecode compares the codec with the reference on any bytes.
func checkDecode(t interface {
	Helper()
	Fatalf(string, ...any)
}, kind EventType, data []byte) {
	t.Helper()
	var dec Decoder
	var got Data
	err := dec.Decode(&got, kind, kind.SchemaVersion(), data)
	want, refusal := referenceDecode(kind, data)
	if (err == nil) != (refusal == nil) {
		t.Fatalf("%s %q: codec says %v, reference says %v", kind, data, err, refusal)
	}
	if err != nil {
		if !errors.Is(err, ErrData) {
			t.Fatalf("%s %q: %v does not wrap ErrData", kind, data, err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s %q (-reference +codec):\n%s", kind, data, diff)
	}
	if again := AppendData(nil, kind, &got); string(again) != string(data) {
		t.Fatalf("%s: %q came back as %q", kind, data, again)
	}
}

func TestEveryFieldIsReadAsItIsWritten(t *testing.T) {
	full := fullData()
	for _, kind := range EventTypes() {
		data := AppendData(nil, kind, &full)
		for _, name := range FieldNames(kind, kind.SchemaVersion()) {
			if !strings.Contains(string(data), `"`+name+`":`) {
				t.Errorf("%s lacks %s: %s", kind, name, data)
			}
		}
		var dec Decoder
		var got Data
		if err := dec.Decode(&got, kind, kind.SchemaVersion(), data); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(only(kind, full), got); diff != "" {
			t.Errorf("%s:\n%s", kind, diff)
		}
		checkDecode(t, kind, data)
		checkDecode(t, kind, AppendData(nil, kind, &Data{}))
	}
}

func TestTheCodecWritesWhatTheReferenceWrites(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom(EventTypes()).Draw(rt, "type")
		d := anyData(rt)
		data := AppendData(nil, kind, &d)
		if _, err := referenceDecode(kind, data); err != nil {
			rt.Fatalf("%s: the reference refuses %s: %v", kind, data, err)
		}
		checkDecode(rt, kind, data)
		if !json.Valid(data) {
			rt.Fatalf("%s: not JSON: %s", kind, data)
		}
	})
}

func anyData(rt *rapid.T) Data {
	text := rapid.OneOf(rapid.StringN(0, 8, -1), rapid.SampledFrom([]string{"", "default", "a.b-c_d", `"\`, "\u2029\x00"}))
	number := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
	hash := rapid.OneOf(rapid.Just([32]byte{}), rapid.Custom(func(rt *rapid.T) (h [32]byte) {
		copy(h[:], rapid.SliceOfN(rapid.Byte(), 1, 32).Draw(rt, "hash"))
		return h
	}))
	id := rapid.OneOf(rapid.Just(ulid.ULID{}), rapid.Custom(func(rt *rapid.T) (u ulid.ULID) {
		copy(u[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "id"))
		return u
	}))
	micros := func(name string) Micros { return Micros(number.Draw(rt, name)) }
	return Data{
		TaskType: text.Draw(rt, "type"), Queue: text.Draw(rt, "queue"), Priority: int(number.Draw(rt, "priority")),
		RunAt: micros("run_at"), MaxAttempts: int(number.Draw(rt, "max")),
		Backoff: Backoff{Kind: BackoffKind(rapid.IntRange(0, int(backoffKindCount)-1).Draw(rt, "kind")), Base: micros("base"),
			Max: micros("most"), NoJitter: rapid.Bool().Draw(rt, "jitter")},
		Timeout: micros("timeout"), Tags: rapid.SliceOfN(text, 0, 3).Draw(rt, "tags"), IdempotencyKey: text.Draw(rt, "key"),
		RequestHash: hash.Draw(rt, "request"), Files: rapid.SliceOfN(text, 0, 2).Draw(rt, "files"),
		Attempt: int(number.Draw(rt, "attempt")), Boot: id.Draw(rt, "boot"), Worker: text.Draw(rt, "worker"),
		LeaseSeconds: int(number.Draw(rt, "lease")), TokenHash: hash.Draw(rt, "token"), Fence: number.Draw(rt, "fence"),
		Progress: int(number.Draw(rt, "progress")), RetryAt: micros("retry_at"),
		Code:  Code(rapid.IntRange(0, int(codeCount)-1).Draw(rt, "code")),
		Clock: micros("clock"), Trusted: rapid.Bool().Draw(rt, "trusted"),
		Suspicion: int(number.Draw(rt, "suspicion")), Deaths: int(number.Draw(rt, "deaths")),
		UniqueKey: text.Draw(rt, "unique key"), UniqueFor: micros("unique for"), UniqueSince: micros("unique since"), UniqueBehind: id.Draw(rt, "behind"),
		RetryOf: id.Draw(rt, "retry of"), ReplacedBy: id.Draw(rt, "replaced by"), RetriedAs: id.Draw(rt, "retried as"),
		Subject: text.Draw(rt, "subject"), TraceParent: text.Draw(rt, "traceparent"), SubjectGiven: rapid.Bool().Draw(rt, "given"),
		ConcurrencyKey: text.Draw(rt, "concurrency key"), Charge: micros("charge"), InBackoff: rapid.Bool().Draw(rt, "in backoff"),
		Step: text.Draw(rt, "step"), StepKind: StepKind(rapid.IntRange(0, int(stepKindCount)-1).Draw(rt, "step kind")),
		StepOutcome: StepOutcome(rapid.IntRange(0, int(stepOutcomeCount)-1).Draw(rt, "step outcome")),
		Signal:      text.Draw(rt, "signal"), Build: text.Draw(rt, "build"), Bytes: number.Draw(rt, "bytes"),
		Until: micros("until"), Signals: rapid.SliceOfN(text, 0, 2).Draw(rt, "signals"), All: rapid.Bool().Draw(rt, "all"), Role: text.Draw(rt, "role"), Of: text.Draw(rt, "of"),
		ParentID: id.Draw(rt, "parent"), ParentStep: text.Draw(rt, "parent step"), ChildName: text.Draw(rt, "child"), WorkflowID: id.Draw(rt, "workflow"),
		Depth: int(number.Draw(rt, "depth")), Detached: rapid.Bool().Draw(rt, "detached"), JoinAny: rapid.Bool().Draw(rt, "join any"),
		OnFailure: OnChildFailure(rapid.IntRange(0, int(onChildFailureCount)-1).Draw(rt, "on failure")),
		Children:  int(number.Draw(rt, "children")), EndsAs: Status(rapid.IntRange(0, int(statusCount)-1).Draw(rt, "as")), Waits: rapid.Bool().Draw(rt, "waits"),
		DependsOn: rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) Dependency {
			return Dependency{Task: id.Draw(rt, "task"), When: When(rapid.IntRange(0, int(whenCount)-1).Draw(rt, "when")), Name: text.Draw(rt, "name")}
		}), 0, 3).Draw(rt, "depends on"), RunAnyway: rapid.Bool().Draw(rt, "anyway"), Because: id.Draw(rt, "because"),
	}
}

// nearMisses are one step away from what the codec takes.
var nearMisses = []struct {
	kind EventType
	data string
}{
	{EventProgressed, ``}, {EventProgressed, `{`}, {EventProgressed, `{}`}, {EventProgressed, `{} `}, {EventProgressed, ` {}`},
	{EventProgressed, `{}{}`}, {EventProgressed, `null`}, {EventProgressed, `[]`}, {EventProgressed, `{,}`},
	{EventProgressed, `{"fence":1,}`}, {EventProgressed, `{,"fence":1}`}, {EventProgressed, `{"fence":1 }`},
	{EventProgressed, `{"fence":0}`}, {EventProgressed, `{"fence":-0}`}, {EventProgressed, `{"fence":01}`},
	{EventProgressed, `{"fence":+1}`}, {EventProgressed, `{"fence":1.0}`}, {EventProgressed, `{"fence":1e2}`},
	{EventProgressed, `{"fence":-}`}, {EventProgressed, `{"fence":}`}, {EventProgressed, `{"fence":"1"}`},
	{EventProgressed, `{"fence":9223372036854775807}`}, {EventProgressed, `{"fence":9223372036854775808}`},
	{EventProgressed, `{"fence":-9223372036854775808}`}, {EventProgressed, `{"fence":-9223372036854775809}`},
	{EventProgressed, `{"fence":99999999999999999999}`}, {EventProgressed, `{"fence":18446744073709551617}`},
	{EventProgressed, `{"fence":1,"fence":2}`}, {EventProgressed, `{"progress":1,"fence":1}`}, {EventProgressed, `{"Fence":1}`},
	{EventProgressed, `{"fence":1,"progress":2}`}, {EventProgressed, `{"fence":1"progress":2}`}, {EventProgressed, `{"fence":null}`},
	{EventProgressed, `{"fencf":1}`}, {EventProgressed, `{"f`}, {EventProgressed, `{"fence"`}, {EventProgressed, `{"fence":1,`},
	{EventStepRecorded, `{"step_kind":"result"}`}, {EventStepRecorded, `{"step_kind":"sleep"}`}, {EventStepRecorded, `{"step_outcome":"gone"}`},
	{EventSubmitted, `{"depends_on":[]}`}, {EventSubmitted, `{"depends_on":[{}]}`}, {EventSubmitted, `{"depends_on":["01KAYH4Q3V6MM7V0J9YB5T2S8D"]}`},
	{EventSubmitted, `{"depends_on":[{"task":"01KAYH4Q3V6MM7V0J9YB5T2S8D"}]}`}, {EventSubmitted, `{"depends_on":[{"task":"01KAYH4Q3V6MM7V0J9YB5T2S8D","when":"succeeded"}]}`},
	{EventSubmitted, `{"depends_on":[{"when":"failed","task":"01KAYH4Q3V6MM7V0J9YB5T2S8D"}]}`}, {EventSubmitted, `{"depends_on":[{"task":"01KAYH4Q3V6MM7V0J9YB5T2S8D","name":"a","x":1}]}`},
	{EventErased, `{}`}, {EventErased, `{"fence":1}`},
	{EventSubmitted, `{"task_type":""}`}, {EventSubmitted, `{"task_type":"a`}, {EventSubmitted, `{"task_type":"a\`},
	{EventSubmitted, `{"task_type":"\u0041"}`}, {EventSubmitted, `{"task_type":"\n"}`}, {EventSubmitted, "{\"task_type\":\"\n\"}"},
	{EventSubmitted, `{"task_type":"é"}`}, {EventSubmitted, `{"task_type":"\u00e9"}`}, {EventSubmitted, "{\"task_type\":\"\xff\"}"}, {EventSubmitted, "{\"task_type\":\"\x80\"}"},
	{EventSubmitted, `{"task_type":"<"}`}, {EventSubmitted, `{"task_type":"\u003c"}`}, {EventSubmitted, `{"task_type":"\ud800"}`},
	{EventSubmitted, `{"task_type":"\/"}`}, {EventSubmitted, "{\"task_type\":\"\x7f\"}"}, {EventSubmitted, "{\"task_type\":\"\u2028\"}"},
	{EventSubmitted, `{"tags":[]}`}, {EventSubmitted, `{"tags":[""]}`}, {EventSubmitted, `{"tags":["a",]}`}, {EventSubmitted, `{"tags":["a","b"]}`},
	{EventSubmitted, `{"tags":["a" ,"b"]}`}, {EventSubmitted, `{"tags":null}`}, {EventSubmitted, `{"tags":[null]}`}, {EventSubmitted, `{"tags":["a"`},
	{EventSubmitted, `{"backoff_kind":"exponential"}`}, {EventSubmitted, `{"backoff_kind":"linear"}`}, {EventSubmitted, `{"backoff_kind":"Linear"}`},
	{EventSubmitted, `{"backoff_no_jitter":true}`}, {EventSubmitted, `{"backoff_no_jitter":false}`}, {EventSubmitted, `{"backoff_no_jitter":truer}`},
	{EventSubmitted, `{"request_hash":"` + strings.Repeat("0", 64) + `"}`}, {EventSubmitted, `{"request_hash":"` + strings.Repeat("a", 64) + `"}`},
	{EventSubmitted, `{"request_hash":"` + strings.Repeat("A", 64) + `"}`}, {EventSubmitted, `{"request_hash":"` + strings.Repeat("a", 62) + `"}`},
	{EventStarted, `{"boot":"00000000000000000000000000"}`}, {EventStarted, `{"boot":"01KAYH4Q3V6MM7V0J9YB5T2S8D"}`},
	{EventStarted, `{"boot":"01kayh4q3v6mm7v0j9yb5t2s8d"}`}, {EventStarted, `{"boot":"81KAYH4Q3V6MM7V0J9YB5T2S8D"}`},
	{EventFailed, `{"code":""}`}, {EventFailed, `{"code":"timeout"}`}, {EventFailed, `{"code":"TIMEOUT"}`}, {EventFailed, `{"code":4}`},
}

func TestWhatIsNearlyCanonicalIsTakenOrRefusedAsByTheReference(t *testing.T) {
	for _, miss := range nearMisses {
		checkDecode(t, miss.kind, []byte(miss.data))
	}
}

func FuzzDecode(f *testing.F) {
	full := fullData()
	for _, kind := range EventTypes() {
		f.Add(byte(kind), AppendData(nil, kind, &full))
	}
	for _, miss := range nearMisses {
		f.Add(byte(miss.kind), []byte(miss.data))
	}
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		checkDecode(t, EventSubmitted+EventType(kind)%EventType(typeCount-1), data)
	})
}

func TestANewerSchemaVersionIsRefused(t *testing.T) {
	var dec Decoder
	var d Data
	for _, v := range []int{-1, 0, 2} {
		if err := dec.Decode(&d, EventErased, v, []byte(`{}`)); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "newer Daybook") {
			t.Errorf("version %d: %v", v, err)
		}
	}
}

func TestAnErrorOfDecodingSaysWhere(t *testing.T) {
	var dec Decoder
	var d Data
	err := dec.Decode(&d, EventProgressed, 1, []byte(`{"fence":3,"progress":x}`))
	if want := "task.progressed: bad value of progress at byte 22"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q in it", err, want)
	}
}

func TestNamesOfTypesAndQueuesAreKeptOnce(t *testing.T) {
	var dec Decoder
	var a, b Data
	data := []byte(`{"task_type":"SLEEP","queue":"default"}`)
	if err := errors.Join(dec.Decode(&a, EventSubmitted, 1, data), dec.Decode(&b, EventSubmitted, 1, data)); err != nil {
		t.Fatal(err)
	}
	again := bytes.Clone(data)
	clear(data)
	if a.TaskType != "SLEEP" || b.Queue != "default" {
		t.Fatal("a name lies in the buffer of the caller")
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := dec.Decode(&b, EventSubmitted, 1, again); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	full := fullData()
	full.Tags, full.Files, full.IdempotencyKey = nil, nil, ""
	for _, kind := range []EventType{EventSubmitted, EventStarted, EventSucceeded} {
		data := AppendData(nil, kind, &full)
		b.Run(kind.String(), func(b *testing.B) {
			var dec Decoder
			var d Data
			b.ReportAllocs()
			for b.Loop() {
				if err := dec.Decode(&d, kind, kind.SchemaVersion(), data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendData(b *testing.B) {
	d := Data{TaskType: "SLEEP", Queue: "default", MaxAttempts: 3, Backoff: DefaultBackoff}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendData(buf[:0], EventSubmitted, &d)
	}
}
