package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"daybook/client"
)

// named finds the name that was meant among the known ones, in any case. The error suggests
// the nearest and lists them all.
func named(what, name string, known []string) (string, error) {
	for _, k := range known {
		if strings.EqualFold(k, name) {
			return k, nil
		}
	}
	if near := nearest(name, known); near != "" {
		return "", fmt.Errorf("%s is not a known %s; did you mean %s?", escaped(name), what, near)
	}
	return "", fmt.Errorf("%s is not a known %s; known are %s", escaped(name), what, strings.Join(known, ", "))
}

// allNamed is named for each of the names.
func allNamed(what string, names, known []string) ([]string, error) {
	meant := make([]string, len(names))
	for i, name := range names {
		var err error
		if meant[i], err = named(what, name, known); err != nil {
			return nil, err
		}
	}
	return meant, nil
}

// nearest is the known name with the fewest edits to name, if a typing error may explain
// them; else "".
func nearest(name string, known []string) string {
	best, fewest := "", max(2, len(name)/3)+1
	for _, k := range known {
		if n := edits(strings.ToLower(name), strings.ToLower(k)); n < fewest {
			best, fewest = k, n
		}
	}
	return best
}

// edits is the Levenshtein distance: the fewest insertions, deletions and replacements of a
// byte that turn a into b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := before
			if a[i] != b[j] {
				replace++
			}
			before = row[j+1]
			row[j+1] = min(replace, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}

// typeNames lists the task types that the server can run and those that its log has tasks of.
func typeNames(ctx context.Context, server *client.Client) ([]string, error) {
	types, err := server.TaskTypes(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range types {
		names = append(names, t.Name)
	}
	stats, err := server.Stats(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range stats.Counts {
		if !slices.Contains(names, c.TaskType) {
			names = append(names, c.TaskType)
		}
	}
	return names, nil
}

// meantType is the name of the task type that was meant, when the server has refused the one
// that was given; "" if the refusal has another reason. The error suggests a name.
func meantType(ctx context.Context, server *client.Client, name string, refusal error) (string, error) {
	var p *client.Problem
	if !errors.As(refusal, &p) || !slices.ContainsFunc(p.Errors, func(e client.FieldError) bool {
		return e.Pointer == "/task_type" && !strings.Contains(e.Detail, "configuration") // which would say what to do
	}) {
		return "", refusal
	}
	types, err := server.TaskTypes(ctx)
	if err != nil {
		return "", refusal
	}
	known := make([]string, len(types))
	for i, t := range types {
		known[i] = t.Name
	}
	return named("task type", name, known)
}

// parameterNames lists the parameters of a schema.
func parameterNames(schema json.RawMessage) []string {
	var object struct{ Properties json.RawMessage }
	if json.Unmarshal(schema, &object) != nil {
		return nil
	}
	var names map[string]json.RawMessage
	if json.Unmarshal(object.Properties, &names) != nil {
		return nil
	}
	var list []string
	for name := range names {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
