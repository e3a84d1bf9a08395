package client_test

import (
	"testing"

	"daybook/client"
)

func TestABulkIsOfTheTasksThatAreNamed(t *testing.T) {
	c := connect(t)
	var ids []string
	for range 3 {
		task, err := c.Submit(t.Context(), long())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, task.ID)
	}
	r := client.BulkRequest{Action: "cancel", IDs: ids[:2]}
	preview, err := c.PreviewBulk(t.Context(), r)
	if err != nil || preview.Matched != 2 || preview.WouldChange != 2 {
		t.Fatalf("preview: %+v, %v", preview, err)
	}
	r.ExpectedCount = &preview.Matched
	done, err := c.StartBulk(t.Context(), r)
	if err != nil || done.Matched != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	last, err := c.Get(t.Context(), ids[2])
	if err != nil || last.Status == client.Cancelled {
		t.Errorf("the task that was not named is %s, %v", last.Status, err)
	}
}
