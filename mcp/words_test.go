package mcp

import "testing"

func TestRefusalsNameToolsInPlaceOfCalls(t *testing.T) {
	for text, want := range map[string]string{
		"There is no task with that id. GET /api/tasks/ lists all tasks.":                               "There is no task with that id. The tool tasks lists all tasks.",
		"stop it with POST /api/bulks/{id}/stop or wait":                                                "stop it with the tool stop_bulk or wait",
		"see GET /api/tasks/01M86PTPG0SMK645AEDNVB5CNS/steps.":                                          "see the tool history.",
		"GET /api/bulks lists them; GET /api/log?stream=bulk:ID has the events of older ones.":          "The tool bulks lists them; the tool what_changed with the stream bulk:ID has the events of older ones.",
		"Nothing was changed. Send the request with dry_run to see what it would do.":                   "Nothing was changed. Call the tool bulk without expected_count to see what it would do.",
		"it may have happened. Check before you try again, or try again with the same idempotency key.": "it may have happened. The tools what_changed and bulks show it; only a submit with an idempotency_key can be sent again without a look.",
		"upload it first with POST /api/files":                                                          "upload it first with POST /api/files",
		"parameters/file: is no id\nqueue: is wrong; GET /api/queues lists the queues":                  "parameters/file: is no id\nqueue: is wrong; the tool queues lists the queues",
		"a filter of GET /api/tasks/, such as {}; GET /api/log/verify shows where it is damaged.":       "a filter of the tool tasks, such as {}; GET /api/log/verify shows where it is damaged.",
	} {
		if got := inTools(text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
}
