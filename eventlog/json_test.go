package eventlog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func sample() *Event {
	return &Event{
		Seq: 17, At: 1795521600000001, Stream: "task:01JDZX6T000000000000000000", Version: 3,
		Type: "task.started", V: 1, Actor: "system:scheduler", Data: []byte(`{"attempt":1}`),
		HasPayload: true, PayloadHash: Hash{0xab}, Hash: Hash{0xcd},
	}
}

func TestAnEventIsOneLineOfJSON(t *testing.T) {
	want := `{"seq":17,"at":"2026-11-24T12:00:00.000001Z","stream":"task:01JDZX6T000000000000000000","version":3,` +
		`"type":"task.started","v":1,"actor":"system:scheduler","data":{"attempt":1},` +
		`"payload_hash":"ab` + strings.Repeat("0", 62) + `","hash":"cd` + strings.Repeat("0", 62) + `"}`
	if got := string(sample().JSON()); got != want {
		t.Errorf("JSON\n got %s\nwant %s", got, want)
	}
}

func TestParseReadsWhatAppendWrites(t *testing.T) {
	for _, payload := range []string{"", "null", `"text"`, `{"a": 1,` + "\n" + `"b":[]}`} {
		e := sample()
		e.Stream, e.Actor = `task:"<ü`, "token:Zoë & co"
		var body []byte
		if payload != "" {
			body = []byte(payload)
		}
		line := AppendJSON(nil, e, body)
		if !json.Valid(line) || bytes.ContainsAny(line, "\r\n") {
			t.Fatalf("not one line of JSON: %q", line)
		}
		back, err := ParseJSON(line)
		if err != nil {
			t.Fatal(err)
		}
		if again := AppendJSON(nil, back, back.Payload); !bytes.Equal(again, line) {
			t.Errorf("round trip\n got %s\nwant %s", again, line)
		}
		if back.HasPayload != true || (back.Payload == nil) != (body == nil) {
			t.Errorf("payload %q came back as %q", body, back.Payload)
		}
	}
}

func TestParseRefusesWhatIsNoEvent(t *testing.T) {
	for _, line := range []string{
		``, `[]`, `{"seq":1,"data":[]}`, `{"seq":1}`, `{"seq":1,"data":{},"salt":1}`, `{"seq":1,"data":{}} {}`,
		`{"seq":"1","data":{}}`, `{"data":{},"hash":"ab"}`, `{"data":{},"payload_hash":"zz` + strings.Repeat("0", 62) + `"}`,
	} {
		if e, err := ParseJSON([]byte(line)); err == nil {
			t.Errorf("%s was taken as %+v", line, e)
		}
	}
}

func TestJSONIsMadeOnce(t *testing.T) {
	e := sample()
	if a, b := e.JSON(), e.JSON(); &a[0] != &b[0] {
		t.Error("two calls gave two slices")
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e := sample()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendJSON(buf[:0], e, nil)
	}
}
