package client

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// serverTask is a task as the server writes it, with something in every member.
const serverTask = `{"id":"01JDQ3C8W2VXH7N5K9Y1T4R6ZB","task_type":"NOOP","status":"PENDING","created_at":"2026-11-27T16:33:06.123456Z",` +
	`"started_at":"2026-11-27T16:33:06.000000Z","completed_at":"2024-02-29T23:59:59.999999Z","progress":33.12,"progress_message":"half \"of\" it\né",` +
	`"parameters":{"text":"a\"b\\\u00e9","list":[1,-2.5e+3,true,false,null,{}],"of":[]},"result_data":null,"result_truncated":true,"error_message":"é \ud83d\ude00 <&>",` +
	`"queue":"default","priority":-7,"run_at":"2026-11-27T16:33:06.123456Z","waiting_for":{"reason":"capacity","running":256,"slots":256},` +
	`"attempt":1,"max_attempts":3,"timeout_seconds":0.5,"tags":["a","b c","é"],"idempotency_key":"k","worker":"w","version":2,"last_seq":123456789012}`

// plainTask is the answer to a usual submit.
const plainTask = `{"id":"01JDQ3C8W2VXH7N5K9Y1T4R6ZB","task_type":"NOOP","status":"PENDING","created_at":"2026-11-27T16:33:06.123456Z",` +
	`"started_at":null,"completed_at":null,"progress":0,"progress_message":null,"parameters":{"text":"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip."},` +
	`"result_data":null,"error_message":null,"queue":"default","priority":0,"run_at":null,"waiting_for":{"reason":"capacity","running":256,"slots":256},` +
	`"attempt":0,"max_attempts":3,"timeout_seconds":null,"tags":[],"idempotency_key":null,"worker":null,"version":1,"last_seq":12345}`

// oddTasks are texts that are written in other ways, or are wrong.
func oddTasks() []string {
	all := []string{
		``, `{`, `{}`, `null`, `[]`, `1`, ` {} `, `{"id":"x"`, `{"id":"x",}`, `{"id":"x"}}`, `{"id":"x"} `, "{\"id\":\"x\"}\n", `{"id" : "x" }`,
		`{"ID":"x","Task_Type":"y"}`, `{"ſtatus":"PENDING"}`, `{"\u0069d":"x"}`, `{"id":"x","id":"y"}`, `{"tags":["a"],"tags":null}`,
		`{"parameters":1,"parameters":{}}`, `{"parameters":nul}`, `{"parameters":[1,]}`, `{"parameters":{"a":1,}}`, `{"parameters":{"a" 1}}`, `{"parameters":{1:1}}`,
		`{"parameters":"\x"}`, `{"parameters":"\u00g0"}`, `{"parameters":"\u0`, `{"parameters":"\`, "{\"parameters\":\"\t\"}", `{"parameters":01}`, `{"parameters":-}`,
		`{"parameters":1.}`, `{"parameters":1e}`, `{"parameters":-0.0E-0}`, `{"parameters":[ ]}`, `{"parameters":{ }}`, `{"parameters": 1}`, `{"parameters":tru}`,
		`{"parameters":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`, `{"parameters":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`,
		"{\"id\":\"\xff\"}", "{\"error_message\":\"a\xffb\\n\"}", `{"id":"\ud800"}`, `{"error_message":"\ud83d\ude00\/"}`, "{\"parameters\":\"\xff\"}",
		`{"id":1}`, `{"id":{}}`, `{"id":null,"status":null,"created_at":null,"progress":null,"priority":null,"version":null,"result_truncated":null,"tags":null}`,
		`{"started_at":null,"waiting_for":null,"worker":null,"timeout_seconds":null,"parameters":null}`,
		`{"priority":1.0}`, `{"priority":1e2}`, `{"priority":-0}`, `{"priority":9223372036854775808}`, `{"version":9223372036854775807}`, `{"priority":"1"}`,
		`{"progress":-0}`, `{"progress":1e999}`, `{"progress":1e-999}`, `{"progress":100}`, `{"progress":"1"}`, `{"timeout_seconds":1e3}`, `{"timeout_seconds":[]}`,
		`{"created_at":"2026-02-30T00:00:00.000000Z"}`, `{"created_at":"2026-02-28T24:00:00Z"}`, `{"created_at":"2026-02-28T00:00:00+01:30"}`, `{"created_at":"2026-02-28t00:00:00z"}`,
		`{"created_at":"2026-02-28T00:00:00,5Z"}`, `{"created_at":"\u0032026-02-28T00:00:00Z"}`, `{"created_at":1}`, `{"run_at":""}`, `{"run_at":"2026-02-28T00:00:00.123456789Z"}`,
		`{"result_truncated":true}`, `{"result_truncated":false}`, `{"result_truncated":0}`, `{"result_truncated":"true"}`,
		`{"tags":[]}`, `{"tags":[null,"a"]}`, `{"tags":[1]}`, `{"tags":["a",]}`, `{"tags":{}}`, `{"tags":[ "a" , "b" ]}`, `{"tags":["a"`,
		`{"waiting_for":{}}`, `{"waiting_for":{"reason":null}}`, `{"waiting_for":{"Reason":"x"}}`, `{"waiting_for":{"reason":"x","reason":"y"}}`, `{"waiting_for":1}`, `{"waiting_for":[]}`,
		`{"waiting_for":{"reason":"run_at","until":"2026-11-27T16:33:06.123456Z","of":{"a":[1, 2]}}}`, `{"waiting_for":{"reason":1}}`, `{"waiting_for":{"reason":"x",}}`,
		`{"unknown":{"a":[1,{"b":null}]},"id":"x","other_one":"\n"}`, `{"unknown":}`, `{"Unknown":1}`, `{"":1}`, `{"_":1,"_":2}`, `{"task_type":"b","id":"a"}`,
	}
	for cut := range serverTask {
		all = append(all, serverTask[:cut])
	}
	return all
}

// sameAsEncodingJSON decodes text into t both ways and compares what comes of it.
func sameAsEncodingJSON(t *testing.T, text []byte, before func() Task) {
	t.Helper()
	got, want := before(), before()
	gotErr, wantErr := got.UnmarshalJSON(text), want.fromAny(text)
	if fmt.Sprintf("%T %[1]v", gotErr) != fmt.Sprintf("%T %[1]v", wantErr) {
		t.Errorf("%.300q: error %v, want %v", text, gotErr, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%.300q:\ngot  %+v\nwant %+v", text, got, want)
	}
}

func empty() Task { return Task{} }

// full is a task that has something in every field already.
func full() (t Task) {
	if err := t.fromAny([]byte(serverTask)); err != nil {
		panic(err)
	}
	return t
}

func TestATaskIsDecodedAsEncodingJSONDoes(t *testing.T) {
	for _, text := range append(oddTasks(), serverTask, plainTask) {
		sameAsEncodingJSON(t, []byte(text), empty)
		sameAsEncodingJSON(t, []byte(text), full)
		sameAsEncodingJSON(t, []byte(text), func() Task { return Task{ID: "old", Progress: 5, ResultTruncated: true, Version: 9} })
	}
}

func TestWhatTheServerWritesIsDecodedFast(t *testing.T) {
	for _, text := range []string{
		serverTask, plainTask, `{"id":"x","new_member":[{"a":1}],"status":"NEW"}`, `{"error_message":"line\nline \"x\""}`,
	} {
		var task Task
		if !task.fromCanonical(canonical([]byte(text))) {
			t.Errorf("%s is left to encoding/json", text)
		}
	}
	list := "[" + serverTask + "," + plainTask + "]\n"
	if tasks, ok := tasksFromCanonical(canonical(trim([]byte(list)))); !ok || len(tasks) != 2 || string(tasks[1].Raw) != plainTask {
		t.Errorf("a list is left to encoding/json: %v", tasks)
	}
}

// A field that set does not know stays at zero.
func TestEveryFieldOfATaskIsSet(t *testing.T) {
	for field := range reflect.TypeFor[Task]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		for _, value := range []string{`"2026-11-27T16:33:06Z"`, `7`, `true`, `["x"]`, `{"reason":"x","key":"y"}`} {
			var got, want Task
			text := []byte(`{"` + name + `":` + value + `}`)
			if want.fromAny(text) == nil && (!got.fromCanonical(text) || !reflect.DeepEqual(got, want)) {
				t.Errorf("%s: got %+v, want %+v", text, got, want)
			}
		}
	}
}

func TestPartsOfRawCannotGrowIntoEachOther(t *testing.T) {
	var task Task
	if err := task.UnmarshalJSON([]byte(serverTask)); err != nil {
		t.Fatal(err)
	}
	for _, part := range []json.RawMessage{task.Parameters, task.ResultData, task.WaitingFor.Raw, task.Raw} {
		_ = append(part, "xxx"...)
	}
	if string(task.Raw) != serverTask {
		t.Errorf("got %s", task.Raw)
	}
}

func TestATaskKeepsNothingOfTheBufferItCameIn(t *testing.T) {
	text := []byte(serverTask)
	var task Task
	if err := task.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	clear(text)
	if !reflect.DeepEqual(task, full()) {
		t.Errorf("got %+v", task)
	}
}

func TestAListIsDecodedAsEncodingJSONDoes(t *testing.T) {
	p := plainTask
	for _, text := range []string{
		``, `[]`, ` [ ] `, `null`, `{}`, `[`, `]`, `[,]`, `[null]`, `[1]`, `[` + p + `]`, `[` + p + `,]`, `[` + p + p + `]`, `[` + p + `}`, "\v[" + p + "]", "[" + p + "]\u00a0",
		` [ ` + p + " ,\n" + serverTask + ` ] `, `[` + p + `,null,` + p + `]`, `[` + p + `],[` + p + `]`, `[{"id":"]},{["}]`, `[{"id":"x"},{"id":1}]`, `[{"id":"x","id":"y"},` + p + `]`,
	} {
		sameListAsEncodingJSON(t, []byte(text))
	}
}

func sameListAsEncodingJSON(t *testing.T, text []byte) {
	t.Helper()
	var got, want []Task
	err, wantErr := decode(text, &got), json.Unmarshal(text, &want)
	if fmt.Sprintf("%T %[1]v", err) != fmt.Sprintf("%T %[1]v", wantErr) || !reflect.DeepEqual(got, want) {
		t.Errorf("%.300q:\ngot  %+v, %v\nwant %+v, %v", text, got, err, want, wantErr)
	}
}

func FuzzTaskIsDecodedAsEncodingJSONDoes(f *testing.F) {
	for _, text := range append(oddTasks(), serverTask, plainTask) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		sameAsEncodingJSON(t, text, empty)
		sameListAsEncodingJSON(t, []byte("["+string(text)+","+plainTask+"]"))
		sameListAsEncodingJSON(t, text)
		var got, want Task
		if err, wantErr := decode(text, &got), json.Unmarshal(text, &want); (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v, want %+v, %v", text, got, err, want, wantErr)
		}
	})
}

func BenchmarkDecodeTask(b *testing.B) {
	for name, decode := range map[string]func(*Task, []byte) error{"plain": (*Task).UnmarshalJSON, "any": (*Task).fromAny} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var task Task
				if err := decode(&task, []byte(plainTask)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
