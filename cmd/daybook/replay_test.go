package main

import (
	"testing"

	"daybook/client"
)

func TestTheHintHowToWriteAURLIsNotForTheCommandLine(t *testing.T) {
	refusal := &client.Problem{Status: 422, Detail: "The request is wrong.", Errors: []client.FieldError{
		{Pointer: "?at", Detail: "must be a time up to now; write + as %2B"}}}
	if got := new(remote).explain(refusal).Error(); got != "The request is wrong: ?at must be a time up to now (422)" {
		t.Error(got)
	}
}
