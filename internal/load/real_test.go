package load

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/client"

	"github.com/google/go-cmp/cmp"
)

func TestARealServerTakesTheLoadAndItsEndsAreSeen(t *testing.T) {
	for _, batch := range []int{1, 7} {
		t.Run(fmt.Sprint("batch=", batch), func(t *testing.T) {
			url := realServer(t)
			r, err := Run(t.Context(), Options{
				URL: url, Type: "SLEEP", Parameters: json.RawMessage(`{"result":{"id":"x","ids":["a \" }"]}}`),
				Connections: 8, Batch: batch, Count: 500, Wait: true, Patience: 5 * time.Minute,
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Tasks.Succeeded != 500 || r.Tasks.Open != 0 || r.EndToEnd.Count != 500 || r.Requests.Failed != 0 || r.GaveUp != "" {
				t.Errorf("%+v %+v %q", r.Tasks, r.Requests, r.GaveUp)
			}
			if r.EndToEnd.P50 < r.Latency.Min {
				t.Errorf("tasks end after %v ms, and the fastest answer took %v", r.EndToEnd.P50, r.Latency.Min)
			}
			c, err := client.New(url, nil)
			if err != nil {
				t.Fatal(err)
			}
			page, err := c.ListPage(t.Context(), client.Filter{Statuses: []client.Status{client.Success}, Limit: 1})
			if err != nil || page.Total != 500 {
				t.Errorf("the server has %d, %v", page.Total, err)
			}
		})
	}
}

func TestFailedTasksAreToldFromThoseThatSucceed(t *testing.T) {
	r, err := Run(t.Context(), Options{
		URL: realServer(t), Type: "REFUSING", Connections: 2, Count: 3, Wait: true, Patience: 5 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Tasks.Failed != 3 || r.Tasks.Succeeded != 0 || r.Tasks.Open != 0 || r.GaveUp != "" {
		t.Errorf("%+v %q", r.Tasks, r.GaveUp)
	}
}

func TestARunGivesUpWhenNoTaskEnds(t *testing.T) {
	r, err := Run(t.Context(), Options{
		URL: realServer(t), Type: "SLEEP", Parameters: json.RawMessage(`{"seconds":3600}`),
		Connections: 2, Count: 3, Wait: true, Patience: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Tasks.Accepted != 3 || r.Tasks.Open != 3 || !strings.Contains(r.GaveUp, "no task has ended") {
		t.Errorf("%+v %q", r.Tasks, r.GaveUp)
	}
}

func TestARefusalByARealServerSaysWhy(t *testing.T) {
	r, err := Run(t.Context(), Options{URL: realServer(t), Type: "NO_SUCH_TYPE", Count: 2, Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Failures) != 1 || r.Failures[0].Status != 400 || r.Failures[0].Count != 2 || r.Failures[0].Detail == "" {
		t.Errorf("%+v", r.Failures)
	}
}

// What a script may rely on: the names, and what kind of value each has.
const schema1 = `
at string
course array
course.accepted number
course.ended number
course.failed number
course.max_ms number
elapsed_seconds number
end_to_end_ms object
end_to_end_ms.count number
end_to_end_ms.max number
end_to_end_ms.mean number
end_to_end_ms.min number
end_to_end_ms.p50 number
end_to_end_ms.p90 number
end_to_end_ms.p99 number
end_to_end_ms.p99_9 number
failures array
failures.count number
failures.detail string
failures.status number
gave_up string
generator_cpu_seconds number
interrupted bool
interval_seconds number
late_ms object
late_ms.count number
late_ms.max number
late_ms.mean number
late_ms.min number
late_ms.p50 number
late_ms.p90 number
late_ms.p99 number
late_ms.p99_9 number
latency_ms object
latency_ms.count number
latency_ms.max number
latency_ms.mean number
latency_ms.min number
latency_ms.p50 number
latency_ms.p90 number
latency_ms.p99 number
latency_ms.p99_9 number
machine object
machine.arch string
machine.cpu string
machine.cpus number
machine.go string
machine.os string
requests object
requests.answered number
requests.failed number
requests.unanswered number
requests.unsent number
schema number
server object
server.concurrency number
server.cpu_seconds number
server.data_in_memory bool
server.max_rss_bytes number
settings object
settings.batch number
settings.connections number
settings.count number
settings.delay_seconds number
settings.duration_seconds number
settings.parameters_bytes number
settings.rate number
settings.type string
settings.url string
settings.wait bool
tasks object
tasks.accepted number
tasks.cancelled number
tasks.ended_per_second number
tasks.failed number
tasks.open number
tasks.per_second number
tasks.succeeded number
`

func TestTheReportAsJSONKeepsItsShape(t *testing.T) {
	full := Report{
		Schema: Schema, Server: &Server{}, Late: &Latencies{}, EndToEnd: &Latencies{},
		Failures: []Failure{{}}, Course: []Part{{}},
	}
	text, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	lines := shape("", value)
	slices.Sort(lines)
	if diff := cmp.Diff(strings.TrimSpace(schema1), strings.Join(lines, "\n")); diff != "" || Schema != 1 {
		t.Errorf("what is renamed or taken away needs a new number of the schema:\n%s", diff)
	}
}

// shape lists the names within a JSON value and the kinds of what they name.
func shape(name string, value any) (lines []string) {
	below := name
	if name != "" {
		below += "."
	}
	switch v := value.(type) {
	case map[string]any:
		for key, one := range v {
			lines = append(lines, shape(below+key, one)...)
		}
		if name != "" && !strings.HasSuffix(name, "[]") {
			lines = append(lines, name+" object")
		}
	case []any:
		for key, one := range v[0].(map[string]any) {
			lines = append(lines, shape(below+key, one)...)
		}
		lines = append(lines, name+" array")
	default:
		kind := map[string]string{"string": "string", "float64": "number", "bool": "bool"}[fmt.Sprintf("%T", v)]
		lines = append(lines, name+" "+kind)
	}
	return lines
}
