package mcp

// Parts of the schemas of arguments.
const (
	idSchema     = `"id":{"type":"string","description":"the id of the task"}`
	reasonSchema = `"reason":{"type":"string","description":"why, in one sentence; people read it in the history"}`
	waitSchema   = `"wait_seconds":{"type":"integer","minimum":0,"maximum":30,"description":"wait so long for the end; 0 = do not wait, which is the default"}`
	filterSchema = `"status":{"type":"array","items":{"enum":["PENDING","RUNNING","SUCCESS","FAILED","CANCELLED"]}},
		"waiting":{"type":"array","items":{"enum":["ready","scheduled","backoff","blocked","suspended"]},"description":"only pending tasks that wait for this"},
		"task_type":{"type":"array","items":{"type":"string"}},
		"queue":{"type":"array","items":{"type":"string"}},
		"tag":{"type":"array","items":{"type":"string"}},
		"q":{"type":"string","description":"the beginning of an id, or words in parameters, result, error, message, subject or outcome"},
		"created_after":{"type":"string","format":"date-time"},
		"created_before":{"type":"string","format":"date-time"}`
)

// tools are all tools, those that read first.
var tools = []tool{
	{
		name: "tasks", title: "List tasks", role: "viewer", reads: true, do: listTasks,
		description: "Lists tasks, the newest first, without parameters and results. A list of values means any of them. The answer has the number of matches and a cursor for the next page.",
		schema: `{"type":"object","properties":{` + filterSchema + `,
			"limit":{"type":"integer","minimum":1,"maximum":50,"description":"20 by default"},
			"cursor":{"type":"string","description":"next_cursor of the page before, with the same filters"}}}`,
	},
	{
		name: "task", title: "Show a task", role: "viewer", reads: true, do: showTask,
		description: "Shows one task with its parameters, result and error. With wait_seconds it waits for its end. Values of more than 16 KiB are left out.",
		schema:      `{"type":"object","required":["id"],"properties":{` + idSchema + `,` + waitSchema + `}}`,
	},
	{
		name: "history", title: "History of a task", role: "viewer", reads: true, do: taskHistory,
		description: "Lists the events of a task, oldest first: who did what and when, errors, reasons, and the last progress report of each attempt.",
		schema: `{"type":"object","required":["id"],"properties":{` + idSchema + `,
			"after":{"type":"integer","minimum":0,"description":"only events after this seq"},
			"limit":{"type":"integer","minimum":1,"maximum":100,"description":"50 by default"}}}`,
	},
	{
		name: "why_waiting", title: "Why a task waits", role: "viewer", reads: true, do: whyWaiting,
		description: "Says why a task does not run: all reasons, the first one first, and the state of its queue.",
		schema:      `{"type":"object","required":["id"],"properties":{` + idSchema + `}}`,
	},
	{
		name: "what_changed", title: "What has changed", role: "viewer", reads: true, do: whatChanged,
		description: "Lists the events of the log after a seq, oldest first. Without after it only says what the latest seq is: call it again with that later. stream is such as task:ID or queue:NAME, type such as task.failed. A token for some queues or task types must name the tasks with stream.",
		schema: `{"type":"object","properties":{
			"after":{"type":"integer","minimum":0},
			"stream":{"type":"array","items":{"type":"string"},"maxItems":20},
			"type":{"type":"array","items":{"type":"string"},"maxItems":20},
			"limit":{"type":"integer","minimum":1,"maximum":100,"description":"50 by default"}}}`,
	},
	{
		name: "task_types", title: "Task types", role: "viewer", reads: true, do: taskTypes,
		description: "Lists the task types. With a name it shows one, with the JSON Schema of its parameters and results.",
		schema:      `{"type":"object","properties":{"name":{"type":"string"}}}`,
	},
	{
		name: "queues", title: "Queues", role: "viewer", reads: true, ofAll: true, do: listQueues,
		description: "Lists the queues: how many tasks are pending, ready and running, pauses and limits.",
		schema:      `{"type":"object","properties":{}}`,
	},
	{
		name: "approvals", title: "What tasks ask of people", role: "viewer", reads: true, do: listApprovals,
		description: "Lists what tasks ask of people: the step, the title, and the fields that an answer needs.",
		schema:      `{"type":"object","properties":{"limit":{"type":"integer","minimum":1,"maximum":50,"description":"20 by default"}}}`,
	},
	{
		name: "bulks", title: "Bulks", role: "viewer", reads: true, do: listBulks,
		description: "Lists the bulks that run and the latest 20. With an id it shows how far one is.",
		schema:      `{"type":"object","properties":{"id":{"type":"string"},` + waitSchema + `}}`,
	},
	{
		name: "submit", title: "Submit a task", role: "submitter", do: submitTask,
		description: "Submits a task and returns it. It gets the tag agent:NAME. The same idempotency_key and arguments again return the first task.",
		schema: `{"type":"object","required":["task_type"],"properties":{
			"task_type":{"type":"string"},
			"parameters":{"type":"object","description":"by the schema of the type: see task_types"},
			"queue":{"type":"string"},
			"priority":{"type":"integer","minimum":-100,"maximum":100,"description":"higher is earlier"},
			"delay_seconds":{"type":"number","minimum":0},
			"run_at":{"type":"string","format":"date-time"},
			"max_attempts":{"type":"integer","minimum":1},
			"timeout_seconds":{"type":"number"},
			"subject":{"type":"string","description":"which task it is, in one line, for people"},
			"tags":{"type":"array","items":{"type":"string"},"maxItems":19},
			"idempotency_key":{"type":"string"},` + waitSchema + `}}`,
	},
	{
		name: "retry", title: "Retry a task", role: "operator", do: retryTask,
		description: "Makes a failed or cancelled task pending again. It keeps its id and history.",
		schema:      `{"type":"object","required":["id","reason"],"properties":{` + idSchema + `,` + reasonSchema + `}}`,
	},
	{
		name: "cancel", title: "Cancel a task", role: "operator", destroys: true, do: cancelTask,
		description: "Cancels a pending task, or tells a running one to stop; the work of its attempt is lost. The answer has the seq that undo takes.",
		schema:      `{"type":"object","required":["id","reason"],"properties":{` + idSchema + `,` + reasonSchema + `}}`,
	},
	{
		name: "undo", title: "Undo", role: "operator", do: undo,
		description: "Takes back a cancel, a change of a priority or a pause by the seq of its event, or a bulk by its id, where the tasks are still as they were left.",
		schema: `{"type":"object","required":["reason"],"properties":{"seq":{"type":"integer","minimum":1},"bulk":{"type":"string","description":"the id of a bulk, in place of seq"},` +
			reasonSchema + `}}`,
	},
	{
		name: "bulk", title: "Change many tasks", role: "operator", destroys: true, do: bulk,
		description: "Does one thing with all tasks that match a filter. The first call, without expected_count, changes nothing: it says how many tasks match, how many would change, and shows some. Show this to the user. The second call has the same arguments and expected_count = matched of the first.",
		schema: `{"type":"object","required":["action","filter","reason"],"properties":{
			"action":{"enum":["cancel","retry","reprioritise","run_now","move"]},
			"filter":{"type":"object","description":"{} means all tasks","properties":{` + filterSchema + `,
				"ids":{"type":"array","minItems":1,"maxItems":1000,"items":{"type":"string"},"description":"ids of tasks; goes with no other filter"}}},
			"priority":{"type":"integer","minimum":-100,"maximum":100,"description":"of reprioritise"},
			"run_at":{"type":"string","format":"date-time","description":"of move"},
			"expected_count":{"type":"integer","minimum":0,"description":"matched of the preview; without it nothing is changed"},` + reasonSchema + `}}`,
	},
	{
		name: "stop_bulk", title: "Stop a bulk", role: "operator", do: stopBulk,
		description: "Ends a bulk before it is done. What it has changed stays; undo takes it back.",
		schema:      `{"type":"object","required":["id","reason"],"properties":{"id":{"type":"string","description":"the id of the bulk"},` + reasonSchema + `}}`,
	},
	{
		name: "answer_approval", title: "Answer what a task asks", role: "submitter", destroys: true, do: answerApproval,
		description: "Answers what a task asks of a person. Only do it when the user has decided. The task may need a higher role.",
		schema: `{"type":"object","required":["task_id","step","approve","reason"],"properties":{
			"task_id":{"type":"string"},"step":{"type":"string"},"approve":{"type":"boolean"},
			"answer":{"type":"object","description":"by the fields of the approval"},` + reasonSchema + `}}`,
	},
}
