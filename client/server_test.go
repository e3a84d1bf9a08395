package client_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"daybook/client"
	"daybook/internal/testserver"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must come. Only a test that fails waits for its end.
const patience = 5 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a real server in an empty folder.
func serve(t testing.TB) *httptest.Server { return testserver.Start(t, nil) }

// connect returns a client of a real server.
func connect(t *testing.T) *client.Client {
	t.Helper()
	web := serve(t)
	c, err := client.New(web.URL, web.Client())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sleep is a task that ends at once.
func sleep(result any) client.Submit {
	return client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 0, "result": result}}
}

// long is a task that does not end by itself in the time of a test.
func long() client.Submit {
	return client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": 3600}}
}
