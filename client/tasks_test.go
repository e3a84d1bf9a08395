package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"daybook/client"
)

func TestATaskGoesFromSubmitToItsResult(t *testing.T) {
	c, ctx := connect(t), t.Context()
	s := sleep(map[string]int{"answer": 42})
	s.Queue, s.Priority, s.Tags, s.MaxAttempts, s.TimeoutSeconds = "slow", 7, []string{"a", "b"}, 5, 30
	s.Backoff = &client.Backoff{Kind: "linear"}
	done, err := c.SubmitAndWait(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	if done.Status != client.Success || string(done.ResultData) != `{"answer":42}` || done.Replayed {
		t.Errorf("got %s", done.Raw)
	}
	if free, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP", TimeoutSeconds: client.NoTimeout}); err != nil || free.TimeoutSeconds != nil {
		t.Error(free.TimeoutSeconds, err)
	}
	if plain, err := c.Submit(t.Context(), client.Submit{TaskType: "SLEEP"}); err != nil || *plain.TimeoutSeconds != 1800 {
		t.Error(plain.TimeoutSeconds, err)
	}
	if done.Queue != "slow" || done.Priority != 7 || !slices.Equal(done.Tags, s.Tags) || done.MaxAttempts != 5 || *done.TimeoutSeconds != 30 {
		t.Errorf("got %s", done.Raw)
	}
	again, err := c.Get(ctx, done.ID)
	if err != nil || !bytes.Equal(again.Raw, done.Raw) {
		t.Errorf("get: %v\n%s\n%s", err, again.Raw, done.Raw)
	}
	if !json.Valid(done.Raw) || done.CompletedAt.Before(done.CreatedAt) {
		t.Errorf("got %s", done.Raw)
	}
}

func TestTheSameKeyGivesTheSameTask(t *testing.T) {
	c, ctx := connect(t), t.Context()
	s := sleep(1)
	s.IdempotencyKey = "once"
	first, err := c.Submit(ctx, s)
	if err != nil || first.Replayed {
		t.Fatalf("first: %+v, %v", first, err)
	}
	second, err := c.Submit(ctx, s)
	if err != nil || !second.Replayed || second.ID != first.ID {
		t.Errorf("second: %+v, %v", second, err)
	}
	s.Priority = 9
	if _, err := c.Submit(ctx, s); client.StatusOf(err) != 409 {
		t.Errorf("another body with the same key: %v", err)
	}
}

func TestARefusalSaysWhatIsWrong(t *testing.T) {
	c, ctx := connect(t), t.Context()
	_, err := c.Submit(ctx, client.Submit{TaskType: "SLEEP", Parameters: map[string]any{"seconds": "many"}})
	var p *client.Problem
	if !errors.As(err, &p) {
		t.Fatalf("got %v", err)
	}
	if p.Status != 400 || p.Title == "" || len(p.Errors) != 1 || p.Errors[0].Pointer != "/parameters/seconds" {
		t.Errorf("got %+v", p)
	}
	if text := p.Error(); !strings.Contains(text, "/parameters/seconds must be") || strings.Contains(text, "..") {
		t.Errorf("it reads %q", text)
	}
	if _, err := c.Get(ctx, "nobody"); client.StatusOf(err) != 404 {
		t.Errorf("get of nobody: %v", err)
	}
	if client.StatusOf(io.EOF) != 0 {
		t.Error("an error that is no refusal has a status")
	}
}

func TestAListGoesThroughAllPagesNewestFirst(t *testing.T) {
	c, ctx := connect(t), t.Context()
	batch := make([]client.Submit, 25)
	for i := range batch {
		batch[i] = sleep(i)
		batch[i].Tags = []string{[]string{"even", "odd"}[i%2]}
	}
	tasks, err := c.SubmitBatch(ctx, batch)
	if err != nil || len(tasks) != len(batch) {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	var want, got []string
	for _, task := range slices.Backward(tasks) {
		if task.Tags[0] == "odd" {
			want = append(want, task.ID)
		}
	}
	f := client.Filter{Tags: []string{"odd"}, TaskTypes: []string{"SLEEP"}, Queues: []string{"default"}, Limit: 5, Summary: true,
		CreatedAfter: time.Now().Add(-time.Hour), CreatedBefore: time.Now().Add(time.Hour)}
	for task, err := range c.List(ctx, f) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, task.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	page, err := c.ListPage(ctx, f)
	if err != nil || page.Total != int64(len(want)) || !page.TotalExact || !page.More() || page.Seq < 1 {
		t.Errorf("page %+v, %v", page, err)
	}
	for range c.List(ctx, f) {
		break // whoever has seen enough may stop
	}
}

func TestCancelAndRetry(t *testing.T) {
	c, ctx := connect(t), t.Context()
	submitted, err := c.Submit(ctx, long())
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Cancel(ctx, submitted.ID)
	if err != nil || answer.TaskID != submitted.ID {
		t.Fatalf("cancel: %+v, %v", answer, err)
	}
	ended, err := c.Wait(ctx, submitted.ID)
	if err != nil || ended.Status != client.Cancelled {
		t.Fatalf("%s, %v", ended.Raw, err)
	}
	if _, err := c.Cancel(ctx, submitted.ID); client.StatusOf(err) != 400 {
		t.Errorf("cancel of an ended task: %v", err)
	}
	again, err := c.Retry(ctx, submitted.ID)
	if err != nil || again.Status != client.Pending || again.ID != submitted.ID {
		t.Errorf("retry: %s, %v", again.Raw, err)
	}
}

func TestAFileComesBackAsItWasUploaded(t *testing.T) {
	c, ctx := connect(t), t.Context()
	content := bytes.Repeat([]byte("a,b\n1,2\n"), 50_000)
	path := filepath.Join(t.TempDir(), "num bers&.csv")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var sent int64
	file, err := c.UploadFile(ctx, path, func(n, size int64) { sent = n })
	if err != nil || file.Size != int64(len(content)) || file.Name != "num bers&.csv" || sent != file.Size {
		t.Fatalf("%+v, %d bytes sent, %v", file, sent, err)
	}
	same, err := c.Upload(ctx, "other name", "", bytes.NewReader(content))
	if err != nil || same.ID != file.ID {
		t.Errorf("the same bytes: %+v, %v", same, err)
	}
	r, err := c.Download(ctx, file.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, content) {
		t.Errorf("%d bytes came back, %v", len(back), err)
	}
	if _, err := c.UploadFile(ctx, t.TempDir(), nil); err == nil {
		t.Error("a folder was uploaded")
	}
	if _, err := c.Upload(ctx, "empty.csv", "text/csv", strings.NewReader("")); client.StatusOf(err) != 400 || !strings.Contains(err.Error(), "The file is empty") {
		t.Error("of an empty file:", err)
	}
}

func TestTaskTypesHaveTheirSchemas(t *testing.T) {
	types, err := connect(t).TaskTypes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(types, func(k client.TaskType) bool { return k.Name == "SLEEP" })
	if at < 0 || !json.Valid(types[at].ParametersSchema) {
		t.Errorf("got %+v", types)
	}
}

func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	for _, base := range []string{"localhost:8000", "ftp://x", "http://", "::", "http:///x"} {
		if _, err := client.New(base, nil); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
	c, err := client.New("", nil)
	if err != nil || c.URL() != client.DefaultURL {
		t.Errorf("%v, %v", c, err)
	}
}

func TestABatchWithAKeyIsMadeOnce(t *testing.T) {
	c, ctx := connect(t), t.Context()
	batch := []client.Submit{sleep(1), sleep(2)}
	first, replayed, err := c.SubmitBatchWithKey(ctx, "import", batch)
	if err != nil || replayed || len(first) != 2 {
		t.Fatal(first, replayed, err)
	}
	again, replayed, err := c.SubmitBatchWithKey(ctx, "import", batch)
	if err != nil || !replayed || len(again) != 2 || again[0].ID != first[0].ID || again[1].ID != first[1].ID {
		t.Error(again, replayed, err)
	}
	if _, _, err := c.SubmitBatchWithKey(ctx, "import", batch[:1]); client.StatusOf(err) != 409 {
		t.Error(err)
	}
}

func TestAnEmptyIDIsRefusedBeforeAnythingIsSent(t *testing.T) {
	c, ctx := connect(t), t.Context()
	for _, id := range []string{"", ".", ".."} {
		for name, call := range map[string]func() error{
			"Get":       func() error { _, err := c.Get(ctx, id); return err },
			"Cancel":    func() error { _, err := c.Cancel(ctx, id); return err },
			"Retry":     func() error { _, err := c.Retry(ctx, id); return err },
			"RetryWith": func() error { _, err := c.RetryWith(ctx, id, struct{}{}); return err },
			"History":   func() error { _, err := c.History(ctx, id, client.HistoryQuery{}); return err },
			"Wait":      func() error { _, err := c.Wait(ctx, id); return err },
			"Download":  func() error { _, err := c.Download(ctx, id); return err },
			"Queue":     func() error { _, err := c.Queue(ctx, id); return err },
			"Move":      func() error { _, err := c.Move(ctx, id, client.Move{}); return err },
			"Quiet":     func() error { return c.QuietWorker(ctx, id) },
			"Unplan":    func() error { return c.DeleteSchedule(ctx, id) },
		} {
			if err := call(); !errors.Is(err, client.ErrNoID) {
				t.Errorf("%s(%q): %v", name, id, err)
			}
		}
	}
	if _, err := c.Get(ctx, "a/b"); client.StatusOf(err) != 404 {
		t.Errorf("an id that is none of a task: %v", err)
	}
}
