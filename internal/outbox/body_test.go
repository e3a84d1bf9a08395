package outbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"daybook/client"
)

// declared declares a type whose tasks have the priority 7 and a time limit unless they say otherwise.
func declared(t *testing.T, server *client.Client) {
	t.Helper()
	limit := 60.0
	_, err := server.DeclareTaskType(t.Context(), "REPORT", client.TypeDeclaration{Defaults: &client.TypeDefaults{Priority: 7, TimeoutSeconds: &limit}})
	if err != nil {
		t.Fatal(err)
	}
}

// A task that a row holds is what POST /api/tasks/submit makes of the same text: in a batch, and alone.
func TestATaskIsSubmittedAsItIsWritten(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		server := serve(t)
		declared(t, server)
		first, err := server.SubmitJSON(t.Context(), []byte(`{"task_type":"REPORT","subject":"first"}`), "")
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{
			`{"task_type":"REPORT","timeout_seconds":0,"priority":0}`,
			`{"task_type":"REPORT","depends_on":["` + first.ID + `"]}`,
			"\n { \"task_type\":\"REPORT\",\"parameters\":{\"idempotency_key\":\"inner\",\"n\":9007199254740993,\"é\":\"<&>\"}, \"tags\":null } ",
			`{"task_type":"REPORT","delay_seconds":0,"max_attempts":1,"unique":{}}`,
		}
		type fate struct {
			Priority  int             `json:"priority"`
			Timeout   json.RawMessage `json:"timeout_seconds"`
			Params    json.RawMessage `json:"parameters"`
			DependsOn json.RawMessage `json:"depends_on"`
			Attempts  int             `json:"max_attempts"`
		}
		fates := func() (list []string) {
			for one, err := range server.List(t.Context(), client.Filter{}) {
				if err != nil {
					t.Fatal(err)
				}
				whole, err := server.Get(t.Context(), one.ID)
				var f fate
				if err == nil {
					err = json.Unmarshal(whole.Raw, &f)
				}
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, fmt.Sprintf("%d %s %s %s %d", f.Priority, f.Timeout, f.Params, f.DependsOn, f.Attempts))
				if one.ID != first.ID {
					if _, err := server.Cancel(t.Context(), one.ID); err != nil && client.StatusOf(err) != http.StatusBadRequest {
						t.Fatal(err)
					}
				}
			}
			slices.Reverse(list) // newest first
			return list
		}
		for _, text := range texts {
			if _, err := server.SubmitJSON(t.Context(), []byte(text), ""); err != nil {
				t.Fatal(err)
			}
		}
		want := fates()[1:]
		if !strings.HasPrefix(want[0], "0 0 ") && !strings.HasPrefix(want[0], "0 null ") {
			t.Errorf("no priority and no limit were asked for: %s", want[0])
		}
		d.add(texts...)
		if submitted, refused := d.once(server); submitted != len(texts) || refused != 0 {
			t.Fatalf("in a batch %d submitted, %d refused: %q", submitted, refused, d.rows())
		}
		if got := fates()[1+len(texts):]; !slices.Equal(got, want) {
			t.Errorf("in a batch\n%q, want\n%q", got, want)
		}
		for _, text := range texts {
			d.add(text)
			d.once(server)
		}
		if got := fates()[1+2*len(texts):]; !slices.Equal(got, want) {
			t.Errorf("alone\n%q, want\n%q", got, want)
		}
	})
}

// What POST /api/tasks/submit refuses, the relay does not accept, and the row has the words of the server.
func TestATaskIsRefusedAsTheServerRefusesIt(t *testing.T) {
	server := serve(t)
	declared(t, server)
	d := newSQLite(t)
	d.exec("DROP TABLE daybook_outbox")
	d.exec(strings.Replace(sqliteSchema, "CHECK (json_valid(task))", "", 1)) // a table that a program has made itself
	texts := []string{
		`{"task_type":"REPORT","queue":""}`,
		`{"task_type":"REPORT","max_attempts":0}`,
		`{"task_type":"REPORT","concurrency_key":""}`,
		`{"task_type":"REPORT","run_at":"2027-01-31T08:00:00Z","delay_seconds":0}`,
		`{"task_type":"REPORT","Priority":4}`,
		`{"task_type":"REPORT","priority":1,"priority":2}`,
		`{"task_type":"REPORT","priority":"x"}`,
		`{"task_type":"REPORT","unique":{"for_seconds":0}}`,
		`[]`, `null`, `"REPORT"`, `{}`, `{"task_type":`, ``, `{"task_type":"REPORT"} {}`,
		`{"task_type":"REPORT","depends_on":["01JZZZZZZZZZZZZZZZZZZZZZZZ"]}`,
	}
	var all []string
	for i, text := range texts {
		all = append(all, task(fmt.Sprint("before ", i)), text)
	}
	d.add(all...)
	if submitted, refused := d.once(server); submitted != len(texts) || refused != len(texts) {
		t.Errorf("%d submitted and %d refused, want %d each", submitted, refused, len(texts))
	}
	left := d.rows()
	for i, text := range texts {
		_, err := server.SubmitJSON(t.Context(), []byte(text), "a")
		if err == nil || i >= len(left) || left[i] != text+" "+err.Error() {
			t.Errorf("%s: the server says %v, the row %q", text, err, left[min(i, len(left)-1)])
		}
	}
	for i, got := range subjects(t, server) {
		if want := fmt.Sprint("before ", i); got != want {
			t.Errorf("%q is submitted as %d", got, i)
		}
	}
}

// Each key is the same idempotency key in a batch, in a header, and as the program reads it.
func TestTheKeyOfARowIsTheIdempotencyKey(t *testing.T) {
	server := serve(t)
	d := newSQLite(t)
	keys := []string{"order-17", ` a`, `b `, `"c"`, `\"d\"`, "é<&>", `"`, "e#1"}
	for round := range 2 { // alone, then in a batch: nothing is submitted anew
		for _, key := range keys {
			d.exec("INSERT INTO daybook_outbox (key, task) VALUES (?, ?)", key, task(key))
			if round == 0 {
				d.once(server)
			}
		}
		if submitted, refused := d.once(server); refused != 0 || submitted != round*len(keys) {
			t.Errorf("round %d: %d submitted, %d refused: %q", round, submitted, refused, d.rows())
		}
	}
	if got := subjects(t, server); len(got) != len(keys) {
		t.Errorf("%q", got)
	}
	for _, key := range []string{"", "a\nb", "\x01", strings.Repeat("k", 256)} {
		d.exec("INSERT INTO daybook_outbox (key, task) VALUES (?, ?)", key, task("no key"))
	}
	d.exec("INSERT INTO daybook_outbox (key, task) VALUES ('same', ?)", `{"task_type":"SLEEP","parameters":{"seconds":0},"idempotency_key":"same"}`)
	if submitted, refused := d.once(server); submitted != 1 || refused != 4 {
		t.Errorf("%d submitted, %d refused: %q", submitted, refused, d.rows())
	}
	for _, row := range d.rows() {
		if !strings.Contains(row, "the key of the row must be 1 to 255 bytes") {
			t.Errorf("%q", row)
		}
	}
}
