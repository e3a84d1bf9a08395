package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
)

// listAll writes all things of a kind: as one JSON array, as lines with tabs between the columns, or, on a terminal, as a table
// with heads, or none if there are none.
func listAll[T any](s *stdio, asJSON bool, all []T, row func(*T) []string, heads, none string) error {
	if asJSON {
		return json.NewEncoder(s.out).Encode(all)
	}
	if !s.outTerminal {
		for i := range all {
			fmt.Fprintln(s.out, strings.Join(row(&all[i]), "\t"))
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintln(s.out, none)
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, heads)
	for i := range all {
		fmt.Fprintln(table, strings.Join(row(&all[i]), "\t"))
	}
	return table.Flush()
}

// endEach ends the named things one after the other, and says of each that it is done: "deleted".
func endEach(ctx context.Context, s *stdio, asJSON bool, names []string, end func(ctx context.Context, name string) error, done string) error {
	return forEach(names, func(name string) error {
		if err := end(ctx, name); err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(s.out).Encode(map[string]any{"name": name, done: true})
		}
		_, err := fmt.Fprintf(s.out, "%s\t%s\n", name, done)
		return err
	})
}
