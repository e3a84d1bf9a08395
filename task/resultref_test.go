package task

import (
	"fmt"
	"testing"

	"daybook/internal/jsontext"
)

func TestReferencesAreFoundAndReplacedWhereverTheyStand(t *testing.T) {
	parameters := `{"a":{"$from":"x"},"b":[1,{"c/d":{"path":"/k/0","$from":"y"}}],"e":"$from"}`
	refs, bad := ResultRefs([]byte(parameters))
	if got, want := fmt.Sprint(refs, bad), "[{/a x } {/b/1/c~1d y /k/0}] []"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	results := map[string]string{"x": `{"whole":true}`, "y": `{"k":["é"]}`}
	put := PutResults([]byte(parameters), func(r ResultRef) ([]byte, bool) { return jsontext.At([]byte(results[r.From]), r.Path) })
	if want := `{"a":{"whole":true},"b":[1,{"c/d":"é"}],"e":"$from"}`; string(put) != want {
		t.Errorf("got %s, want %s", put, want)
	}
}

func TestAReferenceThatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	for parameters, want := range map[string]string{
		`{"a":{"$from":"x","more":1}}`:         "/a/more",
		`{"a":[{"$from":1}]}`:                  "/a/0/$from",
		`{"a":{"$from":"x","path":"k"}}`:       "/a/path",
		`{"a":{"$from":"x","path":"/k~2"}}`:    "/a/path",
		`{"a":{"$from":"x","path":null}}`:      "/a/path",
		`{"$from":"x","path":"/","other":"y"}`: "/other",
	} {
		if _, bad := ResultRefs([]byte(parameters)); len(bad) != 1 || bad[0].Pointer != want {
			t.Errorf("%s: %v, want %s", parameters, bad, want)
		}
	}
}
