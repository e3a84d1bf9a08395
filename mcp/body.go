package mcp

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// readable refuses bodies that are no JSON-RPC as that standard says. The SDK would answer with texts of its parser.
func readable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
		switch {
		case err != nil || len(body) > maxRequest: // the SDK reads the rest, and says that it is too long
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(bytes.NewReader(body), r.Body), r.Body}
		case !json.Valid(body):
			refuseMessage(w, jsonrpc.CodeParseError, "Parse error: the body must be JSON, a message of JSON-RPC 2.0.")
			return
		case !isMessage(body):
			refuseMessage(w, jsonrpc.CodeInvalidRequest, `Invalid request: the body must be a message of JSON-RPC 2.0, such as {"jsonrpc":"2.0","id":1,"method":"tools/list"}.`)
			return
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(w, r)
	})
}

// isMessage reports whether JSON is a message of JSON-RPC, or a list of them.
func isMessage(body []byte) bool {
	list := []json.RawMessage{body}
	if body = bytes.TrimSpace(body); body[0] == '[' && (json.Unmarshal(body, &list) != nil || len(list) == 0) {
		return false
	}
	for _, one := range list {
		if _, err := jsonrpc.DecodeMessage(one); err != nil {
			return false
		}
	}
	return true
}

// refuseMessage answers with an error of JSON-RPC.
func refuseMessage(w http.ResponseWriter, code int, message string) {
	text, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": nil, "error": map[string]any{"code": code, "message": message}}) // it can be marshalled
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_, _ = w.Write(text)
}
