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

func TestAPointerLeadsToAValueOrToNothing(t *testing.T) {
	const value = `{"a":[{"b/c":1},{"m~n":"x"}],"":{"":2},"01":3}`
	for pointer, want := range map[string]string{"": value, "/a/0/b~1c": "1", "/a/1/m~0n": `"x"`, "//": "2", "/01": "3",
		"/a/2": "nothing", "/a/00": "nothing", "/a/-1": "nothing", "/b": "nothing", "a": "nothing", "/01/x": "nothing"} {
		got, found := At([]byte(value), pointer)
		if !found {
			got = []byte("nothing")
		}
		if string(got) != want {
			t.Errorf("%q leads to %s, want %s", pointer, got, want)
		}
	}
}
