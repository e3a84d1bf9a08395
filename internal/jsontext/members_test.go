package jsontext

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestAStringEndsAtTheFirstQuoteThatIsNotEscaped(t *testing.T) {
	for _, text := range []string{``, `a`, `\`, `"`, `\"`, `"\`, `\\`, `\\"`, `a\\\"b\`, `"""`, `\\\\`, strings.Repeat(`\`, 31) + `"`, strings.Repeat(`"`, 30)} {
		key, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		object := bytes.Join([][]byte{[]byte("{"), key, []byte(":"), key, []byte(`,"next":[`), key, []byte(",1]}")}, nil)
		var got []string
		for name, value := range Members(object) {
			got = append(got, string(name), string(value))
		}
		if want := []string{text, string(key), "next", "[" + string(key) + ",1]"}; strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s has the members %q, want %q", object, got, want)
		}
	}
}
