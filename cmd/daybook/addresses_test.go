package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAddressesOfServers(t *testing.T) {
	for list, want := range map[string]string{
		"": "", "localhost:9100": "http://localhost:9100", "https://a/b": "https://a/b",
		"a:1, http://b,c:2,": "http://a:1,http://b,http://c:2,",
	} {
		if got := serverURL(list); got != want {
			t.Errorf("%q: %q, want %q", list, got, want)
		}
	}
}

// A submit to several addresses has a key, so that it can go on at the next one; to one address it has none of its own.
func TestASubmitGoesOnAtTheNextAddress(t *testing.T) {
	var body strings.Builder
	first := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer first.Close()
	second := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.Write(&body)
		_, _ = w.Write([]byte(`{"id":"T1","status":"PENDING"}`))
	}))
	defer second.Close()
	var out, errs strings.Builder
	s := &stdio{out: &out, err: &errs}
	args := []string{"submit", "SLEEP", "-p", "seconds=0", "--server"}
	if code := run(t.Context(), append(args, first.URL+","+second.URL), s); code != 0 || out.String() != "T1\n" || !strings.Contains(body.String(), `"idempotency_key":"submit-`) {
		t.Errorf("exit code %d: %s%s, sent %s", code, out.String(), errs.String(), body.String())
	}
	if code := run(t.Context(), append(args, first.URL), s); code != 1 || !strings.Contains(errs.String(), "may or may not have happened") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	body.Reset()
	if run(t.Context(), append(args, second.URL), s); strings.Contains(body.String(), "idempotency_key") {
		t.Errorf("to one address: %s", body.String())
	}
}
