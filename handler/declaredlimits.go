package handler

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"daybook/internal/jsontext"
	"daybook/task"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Limits of the schemas of a declared type.
const (
	maxSubschemas   = 5_000  // objects and booleans in its text; the time to compile grows with the square
	maxEvaluations  = 2_000  // of schemas for one value, not counting what is inside the value
	maxPatterns     = 500    // regular expressions
	maxPatternSize  = 5_000  // instructions of one
	maxPatternsSize = 50_000 // instructions of all
)

const draft2020 = "https://json-schema.org/draft/2020-12/schema"

// checkText lists what must not be compiled: large patterns, numbers with huge exponents, another draft.
func checkText(pointer string, document map[string]any) []task.FieldError {
	if draft, given := document["$schema"]; given && draft != draft2020 && draft != draft2020+"#" {
		return []task.FieldError{{Pointer: pointer + "/$schema", Detail: "must be " + draft2020 + ": leave it out, and write the schema in that draft"}}
	}
	bad := hugeNumbers(nil, nil, document)
	for i := range bad {
		bad[i].Pointer = pointer + strings.TrimPrefix(bad[i].Pointer, "/parameters")
	}
	if bad != nil {
		return bad
	}
	if subschemas(document) > maxSubschemas {
		return []task.FieldError{{Pointer: pointer, Detail: fmt.Sprintf("must be smaller: it has more than %d objects and booleans", maxSubschemas)}}
	}
	var found patterns
	found.find(pointer, document)
	return found.bad
}

// subschemas is how many schemas a document has at most.
func subschemas(value any) (n int) {
	switch v := value.(type) {
	case bool:
		n++
	case []any:
		for _, item := range v {
			n += subschemas(item)
		}
	case map[string]any:
		n++
		for _, item := range v {
			n += subschemas(item)
		}
	}
	return n
}

// patterns counts the regular expressions of a schema, wherever they stand: a $ref may lead anywhere.
type patterns struct {
	count, size int
	bad         []task.FieldError
}

func (p *patterns) find(pointer string, value any) {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			p.find(pointer+"/"+strconv.Itoa(i), item)
		}
	case map[string]any:
		for _, key := range sortedKeys(v) {
			at := pointer + "/" + jsontext.EscapePointer(key)
			if text, ok := v[key].(string); ok && key == "pattern" {
				p.add(at, text)
			} else if inner, ok := v[key].(map[string]any); ok && key == "patternProperties" {
				for _, pattern := range sortedKeys(inner) {
					p.add(at+"/"+jsontext.EscapePointer(pattern), pattern)
				}
			}
			p.find(at, v[key])
		}
	}
}

func (p *patterns) add(pointer, pattern string) {
	if p.bad != nil {
		return
	}
	size, err := patternSize(pattern)
	if err != nil {
		return // the compiler says so, if it is one
	}
	p.count, p.size = p.count+1, p.size+size
	detail := ""
	switch {
	case size > maxPatternSize:
		detail = patternDetail
	case p.size > maxPatternsSize:
		detail = fmt.Sprintf("must be a shorter regular expression: with it, those of the schema have more than %d instructions; use maxLength instead of counted repetitions", maxPatternsSize)
	case p.count > maxPatterns:
		detail = fmt.Sprintf("must be left out: a schema may have at most %d regular expressions", maxPatterns)
	default:
		return
	}
	p.bad = []task.FieldError{{Pointer: pointer, Detail: detail}}
}

var patternDetail = fmt.Sprintf("must be a shorter regular expression, of at most %d instructions: use maxLength instead of counted repetitions such as {1,1000}", maxPatternSize)

// patternSize is about how many instructions a regular expression is compiled to. It compiles nothing.
func patternSize(pattern string) (int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return instructions(parsed), nil
}

func instructions(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass:
		n += len(re.Rune) / 16 // pairs of runes in one instruction
	}
	for _, sub := range re.Sub {
		n += instructions(sub)
	}
	if re.Op == syntax.OpRepeat {
		times := re.Max
		if times < 0 {
			times = re.Min + 1
		}
		n *= max(times, 1) // the parser bounds both
	}
	return n
}

// compilePattern compiles the regular expressions of schemas, and those that are values with "format":"regex".
func compilePattern(pattern string) (jsonschema.Regexp, error) {
	if size, err := patternSize(pattern); err == nil && size > maxPatternSize {
		return nil, formatError(patternDetail)
	}
	return regexp.Compile(pattern)
}

// checkGraph lists what is wrong with a schema that compiles: it never ends, or branches too much, at a place.
func checkGraph(pointer string, root *jsonschema.Schema) []task.FieldError {
	all := reachable(root)
	w := walk{evaluations: map[*jsonschema.Schema]int{}}
	for _, s := range all {
		if at := pointer + fragmentOf(s.Location); s.DraftVersion != 2020 {
			return []task.FieldError{{Pointer: at, Detail: "must be of the draft 2020-12: leave its $schema out"}}
		}
		w.of(s)
		detail := ""
		switch {
		case w.endless != nil:
			s, detail = w.endless, "must not refer to itself for the same value: put the reference below properties or items"
		case w.evaluations[s] > maxEvaluations:
			detail = fmt.Sprintf("must have fewer alternatives: one value would be checked by more than %d schemas; use fewer branches of anyOf, oneOf and allOf that refer to the same schemas", maxEvaluations)
		default:
			continue
		}
		return []task.FieldError{{Pointer: pointer + fragmentOf(s.Location), Detail: detail}}
	}
	if root.Types != nil && !slices.Contains(root.Types.ToStrings(), "object") && pointer == parametersSchema {
		return []task.FieldError{{Pointer: pointer + "/type", Detail: `must be "object": the parameters of a task are an object`}}
	}
	return nil
}

// walk counts how many schemas are evaluated for one value.
type walk struct {
	evaluations map[*jsonschema.Schema]int // 0 = not yet known
	endless     *jsonschema.Schema         // one that leads to itself without a step into the value
}

func (w *walk) of(s *jsonschema.Schema) int {
	const entered = -1
	switch known := w.evaluations[s]; known {
	case entered:
		w.endless = s
		return 1
	case 0:
		w.evaluations[s] = entered
		n := 1
		for _, one := range sameValue(s) {
			n = min(n+w.of(one), 10*maxEvaluations)
		}
		w.evaluations[s] = n
		return n
	default:
		return known
	}
}

const parametersSchema = "/parameters_schema"
