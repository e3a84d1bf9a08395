package httprequest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"daybook/handler"
	"daybook/handler/handlertest"

	"github.com/google/go-cmp/cmp"
)

// logged runs a request whose URL and headers hold secrets, and returns what is in the task's log.
func logged(ctx context.Context, t *testing.T, h *Type, url string, last bool) []string {
	t.Helper()
	newLog, written := handlertest.Log()
	_, _ = h.Run(ctx, handler.Call{TaskID: "01JX", Attempt: 2, LastAttempt: last, NewLog: newLog, Files: handlertest.Store(t), Report: func(float64, string) {},
		Parameters: handlertest.Prepare(t, h, map[string]any{"url": url + "?token=secret-1", "headers": map[string]string{"Authorization": "Bearer secret-2"}})})
	lines := written()
	if all := strings.Join(lines, "\n"); strings.Contains(all, "secret") || strings.Contains(all, "Authorization") {
		t.Errorf("a secret is in the log:\n%s", all)
	}
	return lines
}

func TestTheLogTellsEachStepOfARequest(t *testing.T) {
	var address string
	address = target(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			_, _ = io.WriteString(w, "hello")
		case "/moved":
			http.Redirect(w, r, "http://user:secret-3@"+address+"/ok?x=secret-4", http.StatusFound)
		case "/busy":
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	h := typeFor(t, address)
	sends := func(path string) string {
		return fmt.Sprintf(`level=INFO msg="sending the request" method=GET url=http://%s%s body_bytes=0 attempt=2`, address, path)
	}
	for path, want := range map[string][]string{
		"/ok": {`level=INFO msg=answered status=200`, `level=INFO msg="response read" body_bytes=5 cut_off=false`},
		"/moved": {`level=INFO msg=redirected status=302 method=GET url=http://` + address + `/ok`, `level=INFO msg=answered status=200`,
			`level=INFO msg="response read" body_bytes=5 cut_off=false`},
		"/busy": {`level=WARN msg="answered with a status that is not expected" status=503 retry_after_seconds=120`,
			`level=WARN msg="the attempt failed; it is retried after the time that was asked for" error="` + address + ` answered 503 Service Unavailable" retry_after_seconds=120`},
		"/broken": {`level=WARN msg="answered with a status that is not expected" status=500`,
			`level=WARN msg="the attempt failed; it is retried after the backoff of the task" error="` + address + ` answered 500 Internal Server Error"`},
	} {
		if diff := cmp.Diff(append([]string{sends(path)}, want...), logged(t.Context(), t, h, "http://"+address+path, false)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	if lines := logged(t.Context(), t, h, "http://"+address+"/busy", true); !strings.Contains(lines[2], "it was the last one") {
		t.Error(lines)
	}
	if lines := logged(t.Context(), t, typeFor(t), "http://"+address+"/ok", false); len(lines) != 2 || !strings.Contains(lines[1], "a retry would not help") {
		t.Error(lines)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(handler.ErrStopping)
	if lines := logged(ctx, t, h, "http://"+address+"/ok", false); !strings.Contains(lines[1], `reason="server is stopping"`) {
		t.Error(lines)
	}
}
