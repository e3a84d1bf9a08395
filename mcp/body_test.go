package mcp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"daybook/internal/testserver"
)

// raw sends a body to /mcp and returns the status and the answer, which must be JSON.
func raw(t *testing.T, web *httptest.Server, body string) (status int, text []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	answer, err := web.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ = io.ReadAll(answer.Body)
	if kind := answer.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%q: %s %s", body, kind, text)
	}
	return answer.StatusCode, text
}

func TestABodyThatIsNoMessageIsRefusedAsJSONRPCSays(t *testing.T) {
	web := testserver.Start(t, nil)
	for body, code := range map[string]float64{"": -32700, "{": -32700, `{"jsonrpc":"2.0","id":1,"method":"tools/list"`: -32700, "5": -32600, "[]": -32600, "{}": -32600, `{"id":1,"method":"tools/list"}`: -32600, `[{"jsonrpc":"2.0","id":1,"method":"ping"},7]`: -32600} {
		status, text := raw(t, web, body)
		var got struct {
			JSONRPC string
			ID      any
			Error   struct {
				Code    float64
				Message string
			}
		}
		if json.Unmarshal(text, &got) != nil || status != http.StatusBadRequest || got.JSONRPC != "2.0" || got.ID != nil || got.Error.Code != code || strings.Contains(string(text), "json:") {
			t.Errorf("%q: %d %s; want the code %v", body, status, text, code)
		}
	}
}

func TestAMethodThatIsUnknownIsAnErrorOfJSONRPC(t *testing.T) {
	web := testserver.Start(t, nil)
	for body, want := range map[string]string{
		`{"jsonrpc":"2.0","id":7,"method":"nometh"}`:         `200 {"error":{"code":-32601,"message":"Method not found: \"nometh\". The method tools/list lists the tools, and tools/call calls one."},"id":7,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":"a","method":"tools/nometh"}`: `200 {"error":{"code":-32601,"message":"Method not found: \"tools/nometh\". The method tools/list lists the tools, and tools/call calls one."},"id":"a","jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","method":"nometh"}`:                `400 {"error":{"code":-32601,"message":"Method not found: \"nometh\". The method tools/list lists the tools, and tools/call calls one."},"id":null,"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":8,"method":"tools/call"}`:     `400 {"error":{"code":-32600,"message":"Invalid request: missing required \"params\""},"id":8,"jsonrpc":"2.0"}`,
	} {
		status, text := raw(t, web, body)
		if got := fmt.Sprintf("%d %s", status, text); got != want {
			t.Errorf("%s: %s\nwant %s", body, got, want)
		}
	}
}
