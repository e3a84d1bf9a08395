-- The views of a log. The file may be deleted: it is rebuilt from the log.
-- docs/views.md has the meaning of the columns, and queries.

-- Which log the file belongs to.
CREATE TABLE about (
	id       INTEGER PRIMARY KEY CHECK (id = 1),
	log_id   TEXT    NOT NULL,
	complete INTEGER NOT NULL -- 0 during a rebuild
) STRICT;

-- How far the views are. One row.
CREATE TABLE state (
	id         INTEGER PRIMARY KEY CHECK (id = 1),
	seq        INTEGER NOT NULL, -- all tables are as of this event
	hash       BLOB    NOT NULL, -- hash of that event
	archived   INTEGER NOT NULL, -- last number in the table archived, even if its row is deleted
	trimmed    INTEGER NOT NULL, -- rows with numbers up to this one are deleted
	latest_seq INTEGER NOT NULL, -- no ended task has a later event
	windows    BLOB    NOT NULL  -- counts by time
) STRICT;

-- Pairs of type and queue. A group stays when it is empty.
CREATE TABLE groups (
	number INTEGER PRIMARY KEY,
	type   TEXT NOT NULL,
	queue  TEXT NOT NULL
) STRICT;

-- Number of tasks by group and status.
CREATE TABLE counts (
	facet INTEGER PRIMARY KEY, -- group × 6 + status
	n     INTEGER NOT NULL
) STRICT;

-- State of the streams that are not of tasks.
CREATE TABLE streams (
	kind  TEXT PRIMARY KEY, -- "server" for the streams server:<ULID>
	state TEXT NOT NULL     -- JSON
) STRICT, WITHOUT ROWID;

-- What starts have charged the concurrency keys of queues with.
CREATE TABLE queue_keys (
	queue  TEXT    NOT NULL,
	key    TEXT    NOT NULL, -- '' = tasks without a key
	due    INTEGER NOT NULL, -- when the next start would be due at the even distances of key_rate_per_second
	finish INTEGER NOT NULL, -- virtual time up to which the key has had its share, in microseconds
	PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;

-- Tasks that are also in memory.
CREATE TABLE live (
	/*live*/
) STRICT;

-- Tasks that have ended and may have left memory.
CREATE TABLE ended (
	run       INTEGER NOT NULL, -- completed_at - started_at, at least 0; -1 if it never started
	run_class INTEGER,          -- logarithmic class of run, four per doubling; NULL if it never started
	number    INTEGER NOT NULL, -- in the table archived
	/*ended*/
) STRICT;
CREATE UNIQUE INDEX ended_id ON ended (id);
CREATE INDEX ended_facet ON ended (group_no, status, submit_seq, run);
CREATE INDEX ended_run ON ended (run_class, submit_seq, group_no, status, run) WHERE run_class IS NOT NULL;
CREATE INDEX ended_parent ON ended (parent, submit_seq, group_no, status, run) WHERE parent <> '';

-- The tags of ended tasks.
CREATE TABLE ended_tags (
	tag        TEXT    NOT NULL,
	status     INTEGER NOT NULL,
	submit_seq INTEGER NOT NULL,
	group_no   INTEGER NOT NULL,
	run        INTEGER NOT NULL,
	PRIMARY KEY (tag, status, submit_seq)
) STRICT, WITHOUT ROWID;

-- Idempotency keys of ended tasks. The epoch, 2^21 seqs, keeps inserts together: only the tree of
-- the newest one grows.
CREATE TABLE ended_keys (
	epoch      INTEGER NOT NULL,
	key        TEXT    NOT NULL,
	submit_seq INTEGER NOT NULL,
	PRIMARY KEY (epoch, key, submit_seq)
) STRICT, WITHOUT ROWID;

-- A zone is a range of 4,096 submit seqs. Each row has the minimum and the maximum of the ids and of
-- the last seqs of its ended tasks.
CREATE TABLE ended_zones (
	zone       INTEGER PRIMARY KEY,
	least_id   TEXT    NOT NULL,
	most_id    TEXT    NOT NULL,
	least_seq  INTEGER NOT NULL,
	most_seq   INTEGER NOT NULL
) STRICT;

-- Unique keys that ended tasks still hold, by the hash of type and key, with the task that holds
-- the key longest. Expired rows are deleted from time to time.
CREATE TABLE claims (
	claim      BLOB    PRIMARY KEY,
	submit_seq INTEGER NOT NULL,
	until      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_until ON claims (until);

-- The order in which tasks were added to the table ended, for the full-text index. Each row has
-- the numbers first to last.
CREATE TABLE archived (
	first INTEGER PRIMARY KEY,
	last  INTEGER NOT NULL,
	seqs  BLOB    NOT NULL -- differences between their submit seqs, zigzag varints
) STRICT;

-- For SQL users: the common columns, as text and in seconds.
CREATE VIEW tasks AS
	SELECT id,
		CASE status WHEN 1 THEN 'PENDING' WHEN 2 THEN 'RUNNING' WHEN 3 THEN 'SUCCESS' WHEN 4 THEN 'FAILED' WHEN 5 THEN 'CANCELLED' END AS status,
		type, queue, priority, nullif(subject, '') AS subject, nullif(outcome, '') AS outcome, nullif(tags, '') AS tags,
		progress / 100.0 AS progress, attempt - attempt_base AS attempt, max_attempts,
		strftime('%Y-%m-%dT%H:%M:%fZ', created_at / 1e6, 'unixepoch') AS created_at,
		strftime('%Y-%m-%dT%H:%M:%fZ', nullif(started_at, 0) / 1e6, 'unixepoch') AS started_at,
		strftime('%Y-%m-%dT%H:%M:%fZ', nullif(completed_at, 0) / 1e6, 'unixepoch') AS completed_at,
		strftime('%Y-%m-%dT%H:%M:%fZ', nullif(run_at, 0) / 1e6, 'unixepoch') AS run_at,
		CASE WHEN started_at > 0 AND completed_at > 0 THEN (completed_at - started_at) / 1e6 END AS run_seconds,
		nullif(worker, '') AS worker, nullif(idempotency_key, '') AS idempotency_key, nullif(concurrency_key, '') AS concurrency_key, nullif(parent, '') AS parent_id, iif(links = '', NULL, links ->> '$.retry_of') AS retry_of,
		submit_seq, last_seq
	FROM (SELECT /*names*/, worker FROM live UNION ALL SELECT /*names*/, '' FROM ended) LEFT JOIN groups ON number = group_no;
