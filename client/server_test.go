package client_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"daybook"
	"daybook/client"

	"go.uber.org/goleak"
)

// patience is how long a test waits for what must come. Only a test that fails waits for its end.
const patience = 5 * time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a real server in a folder and returns it.
func serve(t testing.TB) *httptest.Server {
	t.Helper()
	d, err := daybook.Open(t.Context(), daybook.Options{Data: t.TempDir(), Grace: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(d.Handler())
	running, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(running) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Errorf("run: %v", err)
		}
		d.StopStreams()
		web.Close()
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return web
}

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
