package table

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKindsOfTables reads small tables of many kinds. What was found stands in short form
// beside each, checked by hand.
func TestKindsOfTables(t *testing.T) {
	for _, kind := range kinds(t) {
		t.Run(kind.name, func(t *testing.T) {
			got := inShort(analyse(t, kind.text, Options{}))
			golden := "testdata/kinds/" + kind.name + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

type kindOfTable struct{ name, text string }

func kinds(t testing.TB) (list []kindOfTable) {
	t.Helper()
	names, err := filepath.Glob("testdata/kinds/*.csv")
	if err != nil || len(names) == 0 {
		t.Fatal(err, len(names))
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, kindOfTable{strings.TrimSuffix(filepath.Base(name), ".csv"), string(text)})
	}
	return list
}

// inShort is what tells of a report that a table was read right.
func inShort(r *Report) string {
	var b strings.Builder
	d := r.Dialect
	fmt.Fprintf(&b, "rows %d of %d, short %d, bad %d\n", r.ProcessedRows, r.TotalRows, r.ShortRows, r.BadRows)
	for _, bad := range r.FirstBadRows {
		fmt.Fprintf(&b, "  line %d: %s\n", bad.Line, bad.Reason)
	}
	fmt.Fprintf(&b, "delimiter %q quote %q escape %q comment %q skip %d header %v\n", d.Delimiter, d.Quote, d.Escape, d.Comment, d.SkipLines, d.HasHeader)
	fmt.Fprintf(&b, "encoding %s decimal %q thousands %q dates %s\n", d.Encoding, d.Decimal, d.Thousands, asJSON(d.DateOrder))
	for _, c := range r.Columns {
		fmt.Fprintf(&b, "%s: %s, %d values, %d nulls", c.Name, c.Type, c.Count, c.Nulls)
		if c.Infinite > 0 {
			fmt.Fprintf(&b, ", %d infinite", c.Infinite)
		}
		if c.Min != nil {
			fmt.Fprintf(&b, ", %.60s … %.60s", asJSON(c.Min), asJSON(c.Max))
		}
		if c.Mean != nil {
			fmt.Fprintf(&b, ", sum %s, mean %s, quartiles %s %s %s", asJSON(c.Sum), *c.Mean, *c.P25, *c.Median, *c.P75)
		}
		b.WriteString("\n")
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", warning)
	}
	return b.String()
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
