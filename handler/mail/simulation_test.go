package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"daybook/handler"
	"daybook/handler/handlertest"

	"github.com/google/go-cmp/cmp"
)

// simulate runs one attempt of EMAIL_SIMULATION with these parameters over the defaults.
func simulate(t testing.TB, ctx context.Context, params map[string]any, report func(float64, string)) (mailingResult, error) {
	t.Helper()
	if report == nil {
		report = func(float64, string) {}
	}
	h := Simulation{}
	result, err := h.Run(ctx, handler.Call{TaskID: "01JDAYBOOK", Attempt: 1, Parameters: handlertest.Prepare(t, h, params), Report: report})
	if err != nil {
		return mailingResult{}, err
	}
	handlertest.CheckResult(t, h, result)
	return result.(mailingResult), nil
}

func TestEveryParameterOfEmailSimulationIsDescribed(t *testing.T) {
	handlertest.CheckDescribed(t, Simulation{}, nil)
}

func TestEveryInventedRecipientGetsAMessage(t *testing.T) {
	var percents []float64
	result, err := simulate(t, t.Context(), map[string]any{"recipient_count": 40, "delay_per_email": 0},
		func(percent float64, _ string) { percents = append(percents, percent) })
	if err != nil {
		t.Fatal(err)
	}
	if result.TotalEmails != 40 || result.SentEmails != 40 || result.FailedEmails != 0 || len(result.Recipients) != 40 {
		t.Errorf("got %+v", result)
	}
	if len(percents) != 40 || percents[0] != 2.5 || percents[39] != 100 {
		t.Errorf("progress %v", percents)
	}
}

func TestARefusedOrMalformedAddressIsAFailedRecipient(t *testing.T) {
	result, err := simulate(t, t.Context(), map[string]any{"delay_per_email": 0, "recipients": []string{
		"ada@example.com", "bounce@example.com", "Refused Person <refused@example.org>", "full@example.net",
		"no address", "two@example.com, three@example.com", "evil@example.com\r\nBcc: all@example.com",
		"\"quoted one\"@example.com", "jürgen@münchen.example", "x@somewhere.else", "Zoë Ünal <zoe@example.com>",
		strings.Repeat("a", 250) + "@example.com",
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range result.Recipients {
		line := r.Status
		if r.Error != nil {
			line += ": " + *r.Error
		}
		got = append(got, line)
	}
	want := []string{
		"sent",
		"failed: 550 5.1.1 No such mailbox here",
		"failed: 550 5.7.1 Delivery refused by the recipient",
		"failed: 452 4.2.2 Mailbox is full",
		"failed: not an e-mail address", "failed: not an e-mail address",
		"failed: not an e-mail address: it has an invisible character, U+000D",
		"sent", "sent", "sent", "sent",
		"failed: not an e-mail address: more than 64 bytes before the @",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
	if result.SentEmails != 5 || result.FailedEmails != 7 {
		t.Errorf("%d sent, %d failed", result.SentEmails, result.FailedEmails)
	}
}

func TestATemplateOrSenderThatCannotBeUsedIsPermanent(t *testing.T) {
	tests := map[string]struct {
		params map[string]any
		want   string
	}{
		"unclosed action":    {map[string]any{"subject": "Hello {{.Name"}, "template of the subject:1: unclosed action"},
		"unknown field":      {map[string]any{"body": "{{.Password}}"}, "can't evaluate field Password"},
		"unknown function":   {map[string]any{"body": "{{exec}}"}, `function "exec" not defined`},
		"fails for one":      {map[string]any{"body": "{{slice .Name 0 12}}"}, "template of the body:1:2: executing"},
		"function of text":   {map[string]any{"body": `{{printf "%99999d" 1}}`}, "the function printf is not allowed"},
		"in a pipeline":      {map[string]any{"body": `{{if (len (.Name | html))}}{{end}}`}, "the function html is not allowed"},
		"loop":               {map[string]any{"body": "{{if .Name}}{{range 1000000000}}x{{end}}{{end}}"}, "range is not allowed"},
		"loop in an else":    {map[string]any{"body": "{{with .Name}}{{else}}{{range 9}}x{{end}}{{end}}"}, "range is not allowed"},
		"recursive template": {map[string]any{"body": `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`}, "define and block"},
		"calls itself":       {map[string]any{"body": `{{template "body"}}`}, "is not allowed"},
		"too long":           {map[string]any{"body": strings.Repeat("{{.Email}}", 6000)}, "body: more than 65536 bytes of text"},
		"sender":             {map[string]any{"from": "nobody"}, "from: not an e-mail address"},
		"injecting sender":   {map[string]any{"from": "a@example.com\r\nBcc: b@example.com"}, "from: not an e-mail address"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := simulate(t, t.Context(), test.params, nil)
			if err == nil || !handler.IsPermanent(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want a permanent error with %q", err, test.want)
			}
		})
	}
}

func TestAnEmptyBodyIsSent(t *testing.T) {
	result, err := simulate(t, t.Context(), map[string]any{"body": "", "recipient_count": 1}, nil)
	if err != nil || result.SentEmails != 1 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestWholeNumbersMayBeWrittenWithAFraction(t *testing.T) {
	h := Simulation{}
	params := handlertest.Prepare(t, h, map[string]any{"recipient_count": json.RawMessage("3.0"), "delay_per_email": 0})
	result, err := h.Run(t.Context(), handler.Call{Parameters: params, Report: func(float64, string) {}})
	if err != nil || result.(mailingResult).TotalEmails != 3 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestTheDelayLiesBetweenMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		_, err := simulate(t, t.Context(), map[string]any{"recipient_count": 4, "delay_per_email": 40},
			func(float64, string) { at = append(at, time.Since(start)) })
		if err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, 40 * time.Second, 80 * time.Second, 120 * time.Second}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("moments (-want +got):\n%s", diff)
		}
	})
}

func TestCancelEndsTheDelayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		start, sent := time.Now(), 0
		_, err := simulate(t, ctx, map[string]any{"recipient_count": 5, "delay_per_email": 60},
			func(float64, string) { sent++ })
		if !errors.Is(err, context.DeadlineExceeded) || handler.IsPermanent(err) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != 90*time.Second || sent != 2 {
			t.Errorf("%d messages in %v", sent, took)
		}
	})
}

func TestTheWorstListOfRecipientsHasAResultBelow16MiB(t *testing.T) {
	if testing.Short() {
		t.Skip("writes many messages")
	}
	var addresses []string
	for size := 0; size < 256<<10; size += len(addresses[len(addresses)-1]) + 3 {
		addresses = append(addresses, fmt.Sprintf("<%d", len(addresses)))
	}
	result, err := simulate(t, t.Context(), map[string]any{"recipients": addresses, "delay_per_email": 0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(result)
	if err != nil || len(text) > 16<<20 {
		t.Errorf("%d bytes for %d recipients, %v", len(text), len(addresses), err)
	}
}

func TestInventedRecipientsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for i := range 100_000 {
		r := inventedRecipient(i)
		if seen[r.Email] {
			t.Fatalf("%s comes up twice, at %d", r.Email, i)
		}
		seen[r.Email] = true
		if err := (&session{}).Rcpt(r.Email, nil); err != nil {
			t.Fatalf("%s: %v", r.Email, err)
		}
	}
}

func TestANameIsMadeOfTheLocalPart(t *testing.T) {
	for local, want := range map[string]string{
		"ada.lovelace": "Ada Lovelace", "alan+lists": "Alan", "grace_b-hopper": "Grace B Hopper", "élan": "Élan",
	} {
		if got := nameFrom(local); got != want {
			t.Errorf("%s: %q, want %q", local, got, want)
		}
	}
}

func BenchmarkEmailSimulation(b *testing.B) {
	const messages = 2000
	for b.Loop() {
		if _, err := simulate(b, b.Context(), map[string]any{"recipient_count": messages, "delay_per_email": 0}, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*messages/b.Elapsed().Seconds(), "messages/s")
}

func TestAResultSaysHowManyMessagesFailed(t *testing.T) {
	for want, r := range map[string]mailingResult{"7 sent": {SentEmails: 7}, "3 sent, 4 failed": {SentEmails: 3, FailedEmails: 4}} {
		if got, partial := r.Outcome(); got != want || partial != (r.FailedEmails > 0) {
			t.Errorf("%q, partial %v; want %q", got, partial, want)
		}
	}
}

func TestTheSubjectOfAMailingIsItsSizeAndItsTemplate(t *testing.T) {
	handlertest.CheckSubjects(t, Simulation{}, nil, map[string]string{
		`{}`: "5 recipients: Hello {{.Name}}", `{"recipient_count":1e5}`: "100,000 recipients: Hello {{.Name}}",
		`{"recipients":["ann@example.com"],"subject":"The\n report"}`: "1 recipient: The report",
	})
}
