package bench_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// BenchmarkWorkflow posts a workflow of 10,000 tasks with 19,800 dependencies, in 100 layers, and reads the whole answer. None of them starts.
func BenchmarkWorkflow(b *testing.B) {
	server := startServer(b, "--concurrency", "8")
	var body strings.Builder
	body.WriteString(`{"name":"layers","concurrency_key":"k","tasks":{`)
	for i := range 10_000 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `"t%d":{"task_type":"SLEEP","delay_seconds":86400`, i)
		if layer := i / 100; layer > 0 {
			fmt.Fprintf(&body, `,"depends_on":["t%d","t%d"]`, i-100, (layer-1)*100+(i+1)%100)
		}
		body.WriteByte('}')
	}
	body.WriteString(`}}`)
	for b.Loop() {
		got, err := http.Post("http://"+server.address+"/api/workflows", "application/json", strings.NewReader(body.String()))
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, got.Body); err != nil || got.StatusCode != http.StatusOK || n == 0 {
			b.Fatal(got.Status, n, err)
		}
		got.Body.Close()
	}
}
