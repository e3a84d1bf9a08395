package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

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
			refuseMessage(w, http.StatusBadRequest, nil, jsonrpc.CodeParseError, "Parse error: the body must be JSON, a message of JSON-RPC 2.0.")
			return
		case !isMessage(body):
			refuseMessage(w, http.StatusBadRequest, nil, jsonrpc.CodeInvalidRequest, `Invalid request: the body must be a message of JSON-RPC 2.0, such as {"jsonrpc":"2.0","id":1,"method":"tools/list"}.`)
			return
		default:
			r.Body = io.NopCloser(bytes.NewReader(body))
			w = &refusals{ResponseWriter: w, request: body}
		}
		next.ServeHTTP(w, r)
	})
}

// refusals makes the plain texts with which the SDK refuses a message errors of JSON-RPC.
type refusals struct {
	http.ResponseWriter
	request []byte
	refused bool
}

func (w *refusals) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *refusals) WriteHeader(status int) {
	w.refused = status == http.StatusBadRequest && strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain")
	if !w.refused {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write gets the whole text of a refusal at once.
func (w *refusals) Write(text []byte) (int, error) {
	if !w.refused {
		return w.ResponseWriter.Write(text)
	}
	var call struct {
		ID     json.RawMessage
		Method string
	}
	_ = json.Unmarshal(w.request, &call) // a list of messages has no id
	w.Header().Del("Content-Length")
	if !bytes.HasPrefix(text, []byte("JSON RPC not handled")) {
		refuseMessage(w.ResponseWriter, http.StatusBadRequest, call.ID, jsonrpc.CodeInvalidRequest, "Invalid request: "+strings.TrimPrefix(strings.TrimSpace(string(text)), "invalid request: "))
		return len(text), nil
	}
	status := http.StatusOK // a call is answered
	if call.ID == nil {
		status = http.StatusBadRequest
	}
	refuseMessage(w.ResponseWriter, status, call.ID, jsonrpc.CodeMethodNotFound,
		fmt.Sprintf(`Method not found: %.100q. The method tools/list lists the tools, and tools/call calls one.`, call.Method))
	return len(text), nil
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

// refuseMessage answers the message of that id, nil = unknown, with an error of JSON-RPC.
func refuseMessage(w http.ResponseWriter, status int, id json.RawMessage, code int, message string) {
	text, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "error": map[string]any{"code": code, "message": message}}) // it can be marshalled
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
