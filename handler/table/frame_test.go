package table

import (
	"strings"
	"testing"
)

// TestWhatClientsOfDatabasesPrint has the frames that they draw around tables.
func TestWhatClientsOfDatabasesPrint(t *testing.T) {
	mysql := "+----+-------+\n| id | name  |\n+----+-------+\n|  1 | Anna  |\n|  2 | Bert  |\n+----+-------+\n"
	tests := map[string]struct {
		text string
		rows int64
		id   string
	}{
		"psql":              {" id | name \n----+------\n  1 | Anna\n  2 | Bert\n  3 | Cleo\n(3 rows)\n\n", 3, "integer"},
		"psql, one row":     {" id | name \n----+------\n  1 | Anna\n(1 row)\n\n", 1, "integer"},
		"psql, one column":  {" id \n----\n  1\n  2\n(2 rows)\n\n", 2, "integer"},
		"psql, aligned":     {"+----+------+\n| id | name |\n+----+------+\n|  1 | Anna |\n|  2 | Bert |\n+----+------+\n(2 rows)\n", 2, "integer"},
		"mysql":             {mysql, 2, "integer"},
		"mysql, count":      {mysql + "2 rows in set (0.00 sec)\n\n", 2, "integer"},
		"mysql, warning":    {mysql + "2 rows in set, 1 warning (0.00 sec)\n\n", 2, "integer"},
		"mysql, silent":     {mysql + "2 rows in set\n", 2, "integer"},
		"Markdown":          {"| id | name |\n|----|------|\n| 1  | Anna |\n", 1, "integer"},
		"Markdown, aligned": {"| id | name |\n|---:|:-----|\n| 1  | Anna |\n| 2  | Bert |\n", 2, "integer"},
	}
	for name, test := range tests {
		r := analyse(t, test.text, Options{})
		bad := r.BadRows
		for _, row := range r.FirstBadRows {
			if !strings.Contains(row.Reason, "line drawn") {
				t.Errorf("%s: %+v", name, row)
			}
		}
		var id *Column
		for i, c := range r.Columns {
			if c.Name == "id" {
				id = &r.Columns[i]
			}
		}
		if r.TotalRows-bad != test.rows || id == nil || id.Type != test.id || len(r.Warnings) > 0 {
			t.Errorf("%s: %d rows, %d bad, %+v, %q", name, r.TotalRows, bad, r.Columns, r.Warnings)
		}
	}
	for _, text := range []string{"(3 rows and more)", "3 rows", "(rows)", "++", "+a+", "3 rows in settlement"} {
		if isFrame([]byte(text)) {
			t.Errorf("%q is a frame", text)
		}
	}
}
