package trace

import (
	"encoding/json"
	"strconv"
	"time"
)

// Kinds and codes of OTLP (opentelemetry/proto/trace/v1/trace.proto).
const (
	kindProducer = 4
	kindConsumer = 5
	statusOK     = 1
	statusError  = 2
)

// Span is a span as OTLP has it in JSON.
type Span struct {
	TraceID      string      `json:"traceId"`
	SpanID       string      `json:"spanId"`
	ParentSpanID string      `json:"parentSpanId,omitempty"`
	Name         string      `json:"name"`
	Kind         int         `json:"kind"`
	Start        string      `json:"startTimeUnixNano"`
	End          string      `json:"endTimeUnixNano"`
	Attributes   []attribute `json:"attributes"`
	Links        []link      `json:"links,omitempty"`
	Status       *status     `json:"status,omitempty"`
}

type link struct {
	TraceID string `json:"traceId"`
	SpanID  string `json:"spanId"`
}

type status struct {
	Code    int    `json:"code"`
	Message string `json:"message,omitempty"`
}

type attribute struct {
	Key   string `json:"key"`
	Value value  `json:"value"`
}

type value struct {
	Text   *string `json:"stringValue,omitempty"`
	Number *string `json:"intValue,omitempty"` // 64-bit numbers are texts in OTLP
}

func text(key, v string) attribute { return attribute{key, value{Text: &v}} }

func number(key string, v int64) attribute {
	digits := strconv.FormatInt(v, 10)
	return attribute{key, value{Number: &digits}}
}

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// Encode is the body of POST /v1/traces with the spans, from a Daybook of that version.
func Encode(spans []Span, version string) []byte {
	type scope struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	type scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []Span `json:"spans"`
	}
	type resource struct {
		Attributes []attribute `json:"attributes"`
	}
	type resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	body, _ := json.Marshal(struct { // of texts
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}{[]resourceSpans{{
		resource{[]attribute{text("service.name", "daybook"), text("service.version", version)}},
		[]scopeSpans{{scope{"daybook", version}, spans}},
	}}})
	return body
}
