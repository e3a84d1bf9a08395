package main

import (
	"bytes"
	"slices"
	"testing"
)

// A flag that is given as 0 must not be the same as one that is left out, unless 0 is what holds without it: it is a pointer, or 0 is refused.
func TestZeroOfAFlagIsSentOrRefused(t *testing.T) {
	// What holds without these is 0.
	same := []string{"bench rate", "bench payload", "bench duration", "bench count", "bench delay", "log limit", "schedule add jitter", "schedule add pause-on-failure",
		"serve max-streams", "alert add above"} // the last one is required
	s := &stdio{out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	parser, err := newParser(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, command := range parser.Model.Leaves(false) {
		for _, flag := range command.Flags {
			where := command.FullPath()[len("daybook "):] + " " + flag.Name
			number := flag.Target.CanInt() || flag.Target.CanFloat()
			if !number || flag.HasDefault || slices.Contains(same, where) {
				continue
			}
			if checked++; !flag.Tag.Has("positive") {
				t.Errorf("%s: %v; 0 means the same as leaving it out: make it a pointer, or give it the tag positive", where, flag.Target.Type())
			}
		}
	}
	if checked == 0 {
		t.Error("nothing was checked")
	}
}
