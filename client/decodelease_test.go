package client

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestLeasesAreDecodedAsByEncodingJSON(t *testing.T) {
	leases := func(of string) string { return `{"leases":` + of + `,"results":[],"quiet":false,"beat_seconds":10}` }
	lease := `{"token":"dbl_x","until":"2026-11-27T16:33:06.123456Z","attempt":2,"traceparent":null,"task":` + serverTask + `}`
	texts := []string{
		leases(`[]`), leases(`[` + lease + `]`), leases(`[` + lease + `,` + lease + `]`), " " + leases(`[ `+lease+` ]`),
		leases(`null`), leases(`{}`), leases(`[null]`), leases(`[1]`), leases(`[{"token":1}]`), leases(`[{"Token":"x","attempt":null}]`),
		leases(`[{"task":null,"attempt":1.5}]`), leases(`[{"task":{"id":1}}]`), leases(`[` + lease),
		`{"leases":[],"results":[{"status":200},{"status":409,"type":"https://x/stale-lease","title":"t","detail":"d"},{"status":200}]}`,
		`{"results":null,"quiet":true,"beat_seconds":0.5}`, `{"results":[{}]}`, `{"results":[1]}`, `{"quiet":null}`, `{"quiet":1}`, `{"beat_seconds":"1"}`,
		`{"Quiet":true}`, `{"quiet":true,"quiet":false}`, `{"unknown":[1],"quiet":true}`, `[]`, `null`, ``, `{`,
	}
	for cut := range lease {
		texts = append(texts, leases(`[`+lease[:cut]+`]`))
	}
	fast := 0
	for _, text := range texts {
		var got, want, own leasesAnswer
		gotErr, wantErr := decode([]byte(text), &got), json.Unmarshal([]byte(text), &want)
		if (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%.200q: error %v, want %v", text, gotErr, wantErr)
		}
		if gotErr == nil && !same(got, want) {
			t.Errorf("%.200q: got %+v, want %+v", text, got, want)
		}
		if own.fromCanonical(canonical(trim([]byte(text)))) {
			fast++
		}
	}
	if fast < 6 {
		t.Errorf("%d of %d texts were decoded by the fast decoder, want at least 6", fast, len(texts))
	}
}

// same compares answers; no leases and an empty list of them are the same.
func same(a, b leasesAnswer) bool {
	if len(a.Leases)+len(b.Leases) == 0 {
		a.Leases, b.Leases = nil, nil
	}
	if len(a.Results)+len(b.Results) == 0 {
		a.Results, b.Results = nil, nil
	}
	return reflect.DeepEqual(a, b)
}
