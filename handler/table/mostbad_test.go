package table

import (
	"strings"
	"testing"

	"daybook/handler"
	"daybook/handler/handlertest"
)

// TestATableOfWhichMostRowsAreBadFails has one that becomes wider far below, unless its form
// is given.
func TestATableOfWhichMostRowsAreBadFails(t *testing.T) {
	store := handlertest.Store(t)
	info := handlertest.Upload(t, store, "x.csv", "a,b\n"+strings.Repeat("1,2\n", 20_000)+strings.Repeat("1,2,3\n", 90_000))
	_, _, err := process(t, store, `{"file":"`+info.ID+`"}`)
	if err == nil || !handler.IsPermanent(err) || !strings.Contains(err.Error(), "most rows are bad: 90000 of 110000, the first at line 20002") || !strings.Contains(err.Error(), "skip_lines 20001") {
		t.Errorf("%v", err)
	}
	if _, _, err := process(t, store, `{"file":"`+info.ID+`","has_header":true}`); err != nil {
		t.Errorf("given: %v", err)
	}
}
