package mcp_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	daybookmcp "daybook/mcp"

	"daybook/internal/testserver"
)

func TestACallOfAToolLeavesNoLineInTheLogOfTheServer(t *testing.T) {
	api, err := url.Parse(testserver.Start(t, nil).URL)
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	web := httptest.NewServer(daybookmcp.New(daybookmcp.Options{API: httputil.NewSingleHostReverseProxy(api), Logger: slog.New(slog.NewTextHandler(&lines, nil))}))
	t.Cleanup(web.Close)
	a := connect(t, web, "")
	a.want("tasks", nil)
	a.refuses("task", args{"id": "nobody"}, "404")
	if lines.Len() > 0 {
		t.Errorf("the log:\n%s", lines.String())
	}
}
