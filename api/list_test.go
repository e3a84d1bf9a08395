package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ids of a list, in its order.
func ids(t testing.TB, a answer) (list []string) {
	for _, one := range a.list(t) {
		list = append(list, one["id"].(string))
	}
	return list
}

func TestTheListIsNewestFirstAndPagesWithoutGapOrRepeat(t *testing.T) {
	h := open(t, nil)
	var want []string
	for i := range 25 {
		want = append(want, h.submit(fmt.Sprintf(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"n":%d}}`, i)))
	}
	slices.Reverse(want)
	var got []string
	path := "/api/tasks/?limit=10&status=PENDING&status=&queue=default"
	for page := 0; path != ""; page++ {
		a := h.want("GET", path, "")
		got = append(got, ids(t, a)...)
		if a.header.Get("X-Total-Count") != "25" || a.header.Get("X-Total-Count-Relation") != "" || a.header.Get("X-Log-Seq") == "" {
			t.Error(a.header)
		}
		// What comes meanwhile moves nothing.
		h.submit(`{"task_type":"ECHO","delay_seconds":3600,"queue":"later"}`)
		path = next(a)
		if page > 0 {
			continue
		}
		_, cursor, _ := strings.Cut(path, "cursor=")
		cursor, _, _ = strings.Cut(cursor, "&")
		if a := h.do("GET", "/api/tasks/?status=FAILED&cursor="+cursor, ""); a.status != 400 || !strings.Contains(a.body, `"?cursor"`) {
			t.Error("a cursor of other filters:", a.status, a.body)
		}
		h.want("GET", "/api/tasks/?limit=3&format=csv&queue=default&status=PENDING&cursor="+cursor, "")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// next is the path of the next page, "" after the last.
func next(a answer) string {
	return strings.TrimSuffix(strings.TrimPrefix(a.header.Get("Link"), "<"), `>; rel="next"`)
}

func TestFiltersNarrowTheList(t *testing.T) {
	h := open(t, nil)
	a := h.submit(`{"task_type":"ECHO","queue":"red","tags":["x","y"],"delay_seconds":3600,"parameters":{"word":"Größe \"q\""}}`)
	b := h.submit(`{"task_type":"FAIL","queue":"blue","tags":["y"]}`)
	c := h.submit(`{"task_type":"ECHO","queue":"blue","parameters":{"word":"plain Haystack","e":"caf\u00e9"}}`)
	failed := h.until(b, "FAILED")
	h.until(c, "SUCCESS")
	for query, want := range map[string][]string{
		"":                             {c, b, a},
		"status=SUCCESS&status=FAILED": {c, b},
		"status=&task_type=":           {c, b, a},
		"task_type=ECHO":               {c, a},
		"task_type=ECHO&queue=blue":    {c},
		"task_type=NEVER_SEEN":         nil,
		"tag=x":                        {a},
		"tag=y&tag=x":                  {b, a},
		"queue=red&queue=blue":         {c, b, a},
		"q=" + a:                       {a},
		"q=" + strings.ToLower(a[:25]): {a}, // ids of one millisecond differ late
		"q=haystack":                   {c},
		"q=HAYSTACK&status=FAILED":     nil,
		"q=gr%C3%B6%C3%9Fe":            {a},
		"q=GR%C3%96":                   {a},
		"q=%22q%22":                    {a},
		"q=caf%C3%A9":                  {c},
		"q=broke":                      {b},
		"q=made&limit=2":               {c, b},
		"created_before=" + failed["created_at"].(string): {a},
		"created_after=2099-01-01T00:00:00Z":              nil,
		"duration_min=0.000001":                           {c, b},
		"duration_min=3600":                               nil,
		"duration_max=3600&status=FAILED":                 {b},
		"q=hay":                                           {c},
		"q=stack":                                         nil, // it begins no word
		"q=haystack+plain":                                {c},
	} {
		got := ids(t, h.want("GET", "/api/tasks/?"+query, ""))
		if strings.HasPrefix(query, "q=0") && !slices.Contains(got, a) {
			t.Errorf("%s: %v", query, got)
		} else if !strings.HasPrefix(query, "q=0") && !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
	}
}

func TestASearchPagesToo(t *testing.T) {
	h := open(t, nil)
	var want []string
	for i := range 9 {
		word := "odd"
		if i%2 == 0 {
			word = "even"
		}
		id := h.submit(fmt.Sprintf(`{"task_type":"ECHO","delay_seconds":3600,"parameters":{"word":"%s"}}`, word))
		if word == "even" {
			want = append([]string{id}, want...)
		}
	}
	var got []string
	path := "/api/tasks/?q=EVEN&limit=2"
	for path != "" {
		a := h.want("GET", path, "")
		got = append(got, ids(t, a)...)
		path = next(a)
		if path == "" && (a.header.Get("X-Total-Count") != "5" || a.header.Get("X-Total-Count-Relation") != "") {
			t.Error("the last page knows the total:", a.header)
		}
		if path != "" && a.header.Get("X-Total-Count-Relation") != "gte" {
			t.Error("an earlier page does not:", a.header)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestASummaryHasNeitherParametersNorResult(t *testing.T) {
	h := open(t, nil)
	h.until(h.submit(`{"task_type":"ECHO"}`), "SUCCESS")
	one := h.want("GET", "/api/tasks/?fields=summary", "").list(t)[0]
	for _, key := range []string{"parameters", "result_data"} {
		if _, there := one[key]; there {
			t.Error(key, "is there")
		}
	}
}

func TestALargeResultIsLeftOutOfListsAndWholeInGet(t *testing.T) {
	h := open(t, nil)
	id := h.submit(`{"task_type":"ECHO","parameters":{"a":"` + strings.Repeat("x", 70_000) + `"}}`)
	whole := h.until(id, "SUCCESS")
	if _, cut := whole["result_truncated"]; whole["result_data"] == nil || cut {
		t.Error("get cuts the result")
	}
	one := h.want("GET", "/api/tasks", "").list(t)[0]
	if one["result_data"] != nil || one["result_truncated"] != true {
		t.Error("the list does not")
	}
}

func TestTheListIsServedAsCSVThatNoSpreadsheetRuns(t *testing.T) {
	h := open(t, nil)
	h.submit(`{"task_type":"ECHO","delay_seconds":3600,"priority":-5,"tags":["=cmd()"],"idempotency_key":"@x","parameters":{"a":"b,\"c\""}}`)
	for path, accept := range map[string]string{"/api/tasks?format=csv": "*/*", "/api/tasks": "text/html;q=0.9, text/csv, application/json;q=0.5"} {
		a := h.want("GET", path, "", "Accept: "+accept)
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
			t.Error(a.header)
		}
		records, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
		if err != nil || len(records) != 2 {
			t.Fatal(err, records)
		}
		got := map[string]string{}
		for i, name := range records[0] {
			got[name] = records[1][i]
		}
		if got["tags"] != "'=cmd()" || got["idempotency_key"] != "'@x" || got["priority"] != "-5" ||
			got["parameters"] != `{"a":"b,\"c\"","made":true}` {
			t.Error(got)
		}
	}
	if n := len(strings.Split(h.want("GET", "/api/tasks?format=csv&fields=summary", "").body, "\r\n")[0]); n != len(strings.Join(csvColumns, ","))-len("parameters,result_data,") {
		t.Error("the header of a summary has", n, "bytes")
	}
}

func TestTheListIsServedAsNDJSON(t *testing.T) {
	h := open(t, nil)
	h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	h.submit(`{"task_type":"ECHO","delay_seconds":3600}`)
	a := h.want("GET", "/api/tasks", "", "Accept: application/x-ndjson")
	if strings.Count(a.body, "\n") != 2 || !strings.HasSuffix(a.body, "}\n") || a.header.Get("Content-Type") != "application/x-ndjson" {
		t.Error(a.header, a.body)
	}
}

func TestHEADAndOPTIONSAnswerWithoutABody(t *testing.T) {
	h := open(t, nil)
	get, head := h.want("GET", "/api/tasks/", ""), h.want("HEAD", "/api/tasks/", "")
	if head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") || head.header.Get("X-Total-Count") != "0" {
		t.Error(head)
	}
	for _, path := range []string{"/api/stream", "/api/log/stream", "/", "/docs", "/openapi.json", "/metrics", "/readyz"} {
		if a := h.want("HEAD", path, ""); a.body != "" {
			t.Error(path, a)
		}
	}
	a := h.do("OPTIONS", "/api/tasks/01ARZ3NDEKTSV4RRFFQ69G5FAV", "")
	if a.status != http.StatusNoContent || a.header.Get("Allow") != "DELETE, GET, HEAD, OPTIONS, PATCH" {
		t.Error(a)
	}
}

func TestLimitZeroGivesEveryTaskInOneAnswer(t *testing.T) {
	h := open(t, nil)
	const n = mostLimit + 7
	for range n / 200 {
		h.want("POST", "/api/tasks/batch", "["+strings.TrimSuffix(strings.Repeat(`{"task_type":"ECHO","delay_seconds":3600},`, 200), ",")+"]")
	}
	h.want("POST", "/api/tasks/batch", "["+strings.TrimSuffix(strings.Repeat(`{"task_type":"ECHO","delay_seconds":3600},`, n%200), ",")+"]")
	for query, count := range map[string]func(string) int{
		"":               func(body string) int { var all []struct{ ID string }; return lengthOf(t, body, &all) },
		"&format=ndjson": func(body string) int { return strings.Count(body, "\n") },
		"&format=csv":    func(body string) int { return strings.Count(body, "\r\n") - 1 },
	} {
		a := h.want("GET", "/api/tasks/?fields=summary&limit=0"+query, "")
		if got := count(a.body); got != n {
			t.Errorf("%q: %d tasks, want %d", query, got, n)
		}
		if a.header.Get("Link") != "" || a.header.Get("X-Total-Count") != strconv.Itoa(n) {
			t.Errorf("%q: Link %q, X-Total-Count %s", query, a.header.Get("Link"), a.header.Get("X-Total-Count"))
		}
	}
}

func lengthOf[T any](t *testing.T, body string, all *[]T) int {
	t.Helper()
	if err := json.Unmarshal([]byte(body), all); err != nil {
		t.Fatal(err)
	}
	return len(*all)
}

func TestACellWithTheSeparatorOfAnyCountryIsQuoted(t *testing.T) {
	got := string(appendCSV(nil, []string{"plain", "a;b", "a,b", "a|b", "a\tb", `say "x"`, " padded", "a\nb"}, listed))
	if want := "plain,\"a;b\",\"a,b\",\"a|b\",\"a\tb\",\"say \"\"x\"\"\",\" padded\",\"a\nb\"\r\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
