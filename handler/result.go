package handler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"daybook/files"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Result is the result of an attempt.
type Result struct {
	JSON    []byte   // nil = none
	Files   []string // their ids
	Outcome string   // in a few words, for people; "" = unknown
	Partial bool     // some of the work was not done
}

// encode marshals what a handler returned and lists the files it names. The scheduler checks
// whether the log accepts it.
func (t *registered) encode(value any) (r Result, err error) {
	if value == nil {
		return Result{}, nil
	}
	if r.JSON, err = resultJSON(value); err != nil {
		return Result{}, Permanent(fmt.Errorf("the result is not valid JSON: %w", err))
	}
	if r.Files, err = t.filesOf(value, r.JSON); err != nil {
		return Result{}, Permanent(err)
	}
	if says, ok := value.(interface{ Outcome() (string, bool) }); ok {
		r.Outcome, r.Partial = says.Outcome()
		r.Outcome = lineOf(r.Outcome)
	}
	return r, nil
}

// Outcome is the usual answer of a result's method Outcome: what was done ("3 sent") and, if any
// of it failed, how much and in what way ("3 sent, 4 failed").
func Outcome(done string, failed int64, way string) (text string, partial bool) {
	if failed == 0 {
		return done, false
	}
	return done + ", " + Number(failed) + " " + way, true
}

// Count is a number with its noun: "1 row", "1,000 rows".
func Count(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Number(n) + " " + noun
}

// Number is a number from 0 with commas between its thousands: "1,461".
func Number(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return Number(n/1000) + "," + strconv.FormatInt(1000+n%1000, 10)[1:]
}

func resultJSON(value any) ([]byte, error) {
	if raw, ok := value.(json.RawMessage); ok {
		return raw, nil
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func (t *registered) filesOf(value any, result []byte) (ids []string, err error) {
	if says, ok := value.(interface{ Files() []string }); ok {
		for _, id := range says.Files() {
			ids = appendNew(ids, id)
		}
	} else if mentionsFiles(t.spec.ResultSchema) {
		decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(result))
		if err != nil {
			return nil, fmt.Errorf("the result is not valid JSON: %w", err)
		}
		ids = appendFileIDs(nil, []*jsonschema.Schema{t.result}, decoded)
	}
	for _, id := range ids {
		if !files.ValidID(id) {
			return nil, fmt.Errorf("the result names %.80q, which is no id of a file", id)
		}
	}
	return ids, nil
}

func appendNew(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

func sortedKeys(object map[string]any) []string { return slices.Sorted(maps.Keys(object)) }
