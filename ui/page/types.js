// The words of the HTTP contract, as types. No code.

/**
 * Why a pending task does not run.
 * @typedef {{
 *   reason: string,
 *   until?: string | null,
 *   task_id?: string,
 *   attempt?: number,
 *   running?: number,
 *   slots?: number,
 *   key?: string,
 *   limit?: number,
 *   ahead?: number,
 *   ahead_relation?: string,
 *   waiting_on?: string[],
 *   open?: number,
 *   step?: string,
 *   names?: string[],
 *   role?: string,
 *   also?: Waiting[],
 * }} Waiting
 */

/**
 * What a bulk has done, or would do.
 * @typedef {{
 *   id: string | null,
 *   matched: number,
 *   would_change: number | null,
 *   changed: number,
 *   skipped: Record<string, number>,
 *   sample: Row[],
 *   bulk: Bulk | null,
 * }} BulkAnswer
 */

/**
 * One thing that is done with many tasks.
 * @typedef {{
 *   id: string,
 *   action: string,
 *   status: "RUNNING" | "DONE" | "STOPPED",
 *   matched: number,
 *   changed: number,
 *   skipped: Record<string, number>,
 *   undoable: boolean,
 *   priority: number | null,
 *   filter: Record<string, any> | null,
 *   reason: string | null,
 *   actor: string,
 *   started_at: string,
 *   ended_at: string | null,
 *   ended_by: string | null,
 *   undoes: string | null,
 *   undone_by: string | null,
 * }} Bulk
 */

/** @typedef {"PENDING" | "RUNNING" | "SUCCESS" | "FAILED" | "CANCELLED"} Status */

/**
 * A workflow in the list.
 * @typedef {{
 *   id: string,
 *   name: string | null,
 *   status: Status,
 *   created_at: string,
 *   started_at: string | null,
 *   completed_at: string | null,
 *   waiting_for: Waiting | null,
 *   task_count: number,
 *   open_count: number,
 * }} WorkflowRow
 */

/**
 * A workflow with its tasks by name, each after those that it depends on.
 * @typedef {Omit<WorkflowRow, "open_count"> & { counts: Record<Status, number>, tasks: Record<string, Row> }} Workflow
 */

/**
 * A task as lists and streams send it.
 * @typedef {{
 *   id: string,
 *   task_type: string,
 *   status: Status,
 *   created_at: string,
 *   started_at: string | null,
 *   completed_at: string | null,
 *   ready_at: string,
 *   progress: number,
 *   progress_message: string | null,
 *   error_message: string | null,
 *   queue: string,
 *   priority: number,
 *   run_at: string | null,
 *   waiting_for: Waiting | null,
 *   subject: string | null,
 *   outcome: string | null,
 *   partial: boolean,
 *   erased?: boolean,
 *   attempt: number,
 *   max_attempts: number,
 *   attempts_before_retry: number,
 *   timeout_seconds: number | null,
 *   tags: string[],
 *   idempotency_key: string | null,
 *   concurrency_key: string | null,
 *   unique: {key: string} | null,
 *   traceparent: string | null,
 *   retry_of: string | null,
 *   retried_as: string | null,
 *   replaced_by: string | null,
 *   depends_on: {task: string, when: string, name: string | null}[],
 *   on_dependency_failure: string | null,
 *   because: string | null,
 *   parent_id: string | null,
 *   child_name: string | null,
 *   workflow_id: string | null,
 *   worker: string | null,
 *   version: number,
 *   progress_reports: number,
 *   steps: number,
 *   children: number,
 *   last_seq: number,
 *   damaged?: string[],
 * }} Row
 */

/** @typedef {Row & { parameters: any, result_data: any, result_truncated?: boolean, file_names?: Record<string, string> }} Task */

/** @typedef {{ status: Status, task_type: string, queue: string, n: number }} Count */

/**
 * How many pending tasks wait for what, and when the first of those is due that wait for their time.
 * @typedef {{ ready: number, scheduled: number, backoff: number, blocked: number, suspended: number, next_due: string | null }} WaitTotals
 */

/** @typedef {{ waiting: string, task_type: string, queue: string, n: number }[]} WaitingCounts */

/** @typedef {{ running: number, slots: number, draining?: boolean, full?: boolean, damaged?: boolean, damaged_payloads?: number, views?: string, approvals?: number, alerts_firing?: number, bulks_running?: number, clock?: { behind_log_seconds: number, last_step_seconds: number | null, last_step_at: string | null } }} SchedulerState */

/**
 * One message of /api/stream. views has the changed rows of other lists; pushes, the lists that the stream has changes of, with
 * commas between them.
 * @typedef {{
 *   seq: number,
 *   rows?: Row[],
 *   truncated?: boolean,
 *   counts?: Count[],
 *   counts_changed?: Count[],
 *   waiting?: WaitTotals,
 *   state?: SchedulerState,
 *   views?: Record<string, { rows: any[], removed: string[], truncated: boolean }>,
 *   pushes?: string,
 * }} Message
 */

/**
 * A durable step of a task.
 * @typedef {{ name: string, kind: string, outcome: string, event?: string, value: any, damaged?: boolean, at: string, attempt: number, build: string | null }} StepRow
 */

/**
 * What a task asks of a person.
 * @typedef {{ task_id: string, task_type: string, subject: string | null, step: string, role: string, title: string | null, fields: any, since: string, until: string | null }} Approval
 */

/**
 * @typedef {{
 *   name: string,
 *   when: string,
 *   above: number,
 *   queue: string | null,
 *   task_type: string | null,
 *   window_seconds: number | null,
 *   for_seconds: number,
 *   firing: boolean,
 *   value: number,
 *   fired_at: string | null,
 *   recovered_at: string | null,
 * }} Alert
 */

/**
 * @typedef {{
 *   name: string,
 *   url: string | null,
 *   events: string[],
 *   filter: { task_type: string[], queue: string[], tag: string[] },
 *   queued: number,
 *   delivered: number,
 *   last_delivered_at: string | null,
 *   failing: boolean,
 *   failing_since: string | null,
 *   last_error: string | null,
 *   secret?: string,
 * }} Webhook
 */

/** What came of a test event. @typedef {{ delivered: boolean, status: number | null, duration_ms: number, error: string | null }} WebhookTest */

/**
 * One event of the log.
 * @typedef {{
 *   seq: number,
 *   at: string,
 *   stream: string,
 *   version: number,
 *   type: string,
 *   v: number,
 *   actor: string,
 *   data: Record<string, any>,
 *   payload?: any,
 *   damaged?: string[],
 * }} LogEvent
 */

/**
 * @typedef {{
 *   name: string,
 *   title: string,
 *   description: string,
 *   parameters_schema: any,
 *   result_schema?: any,
 *   defaults?: Record<string, any>,
 * }} TaskType
 */

/** @typedef {{ id: string, name: string, size: number, content_type: string, sha256: string }} FileInfo */

/**
 * A queue; a limit is null where there is none.
 * @typedef {{
 *   name: string,
 *   paused: boolean,
 *   paused_by: string | null,
 *   paused_at: string | null,
 *   reason: string | null,
 *   concurrency: number | null,
 *   rate_per_second: number | null,
 *   burst: number | null,
 *   max_depth: number | null,
 *   key_concurrency: number | null,
 *   key_rate_per_second: number | null,
 *   key_burst: number | null,
 *   fair_keys: boolean,
 *   weight: number | null,
 *   pending: number,
 *   ready: number,
 *   running: number,
 *   oldest_ready_seconds: number | null,
 * }} Queue
 */

/**
 * A worker outside of the server. No queues: it takes from all.
 * @typedef {{
 *   name: string,
 *   build: string | null,
 *   address: string | null,
 *   since: string,
 *   last_seen: string,
 *   task_types: string[],
 *   queues: string[] | null,
 *   quiet: boolean,
 *   holds: { task_id: string, task_type: string | null, since: string | null, until: string }[],
 * }} Worker
 */

/**
 * The cluster as one of its nodes sees it. A server that is alone has no nodes.
 * @typedef {{
 *   name: string | null,
 *   node: string | null,
 *   leader: { node: string, term: number, since: string, seq: number } | null,
 *   leading: boolean,
 *   nodes: ClusterNode[],
 *   stream: ClusterStream | null,
 *   missing: string[],
 * }} Cluster
 */

/**
 * @typedef {{
 *   name: string,
 *   addr: string,
 *   url: string | null,
 *   state: string,
 *   heard_at: string | null,
 *   seq: number,
 *   lag_events: number,
 *   lag_seconds: number,
 *   clock_skew_seconds: number,
 *   version: string,
 *   started_at: string | null,
 *   disk_free_bytes: number,
 *   keeps_log: boolean,
 *   problem: string | null,
 * }} ClusterNode
 */

/** @typedef {{ messages: number, bytes: number, leader: string, replicas: { node: string, current: boolean, lag_messages: number, offline: boolean }[] }} ClusterStream */

/**
 * A schedule: either cron or every_seconds is set.
 * @typedef {{
 *   name: string,
 *   cron: string | null,
 *   every_seconds: number | null,
 *   timezone: string,
 *   dst: { gap: string, overlap: string },
 *   task: any,
 *   workflow: any,
 *   overlap: string,
 *   catch_up: string,
 *   max_lateness_seconds: number,
 *   jitter_seconds: number | null,
 *   starts_at: string | null,
 *   ends_at: string | null,
 *   pause_on_failure: number | null,
 *   in_words: string,
 *   next_runs: string[],
 *   last_run: ScheduleRun | null,
 *   paused: boolean,
 *   paused_at: string | null,
 *   paused_by: string | null,
 *   paused_why: string | null,
 *   paused_reason: string | null,
 *   failures_in_row: number,
 *   fired: number,
 *   skipped: number,
 *   changed_at: string,
 *   declared_in?: string | null,
 * }} Schedule
 */

/**
 * What became of a nominal time, or of several that were skipped together. No nominal time: somebody asked for the run.
 * @typedef {{
 *   nominal: string | null,
 *   due: string,
 *   at: string,
 *   late_seconds: number,
 *   outcome: string,
 *   why: string | null,
 *   detail: string | null,
 *   task_id: string | null,
 *   workflow_id: string | null,
 *   status: Status | null,
 *   count: number,
 *   more: boolean,
 *   last: string | null,
 *   seq: number,
 * }} ScheduleRun
 */

/**
 * A line that a task wrote while it ran. No attempt: the server says it.
 * @typedef {{ line: number, at: string, attempt: number | null, level: string, text: string, attributes: Record<string, any> | null }} LogLine
 */

/** @typedef {{ pointer: string, detail: string }} FieldError */

/** A part of an address that is no filter. @typedef {{ key: string, value: string }} Wrong */

/**
 * What the list is narrowed to. Lists mean "any of"; empty means all. With at, it is as it was at that event or time.
 * @typedef {{
 *   status: string[],
 *   waiting: string[],
 *   task_type: string[],
 *   queue: string[],
 *   tag: string[],
 *   q: string,
 *   at: string,
 *   wrong: Wrong[],
 * }} Filters
 */

/**
 * One page of the list.
 * @typedef {{
 *   rows: Row[],
 *   seq: number,
 *   total: number,
 *   totalExact: boolean,
 *   searchTruncated: boolean,
 *   next: string | null,
 * }} Page
 */

/** @typedef {"live" | "reconnecting" | "offline"} Live */

export {};
