-- The views of a log. All of it may be deleted: it is made again from the log.
-- docs/views.md says what the columns mean and how to ask for them.

-- What the file is.
CREATE TABLE about (
	id       INTEGER PRIMARY KEY CHECK (id = 1),
	log_id   TEXT    NOT NULL,
	complete INTEGER NOT NULL -- 0 while all of it is made again
) STRICT;

-- How far the views are: one row.
CREATE TABLE state (
	id         INTEGER PRIMARY KEY CHECK (id = 1),
	seq        INTEGER NOT NULL, -- all shows the log up to this event
	hash       BLOB    NOT NULL, -- of that event
	archived   INTEGER NOT NULL, -- the last number in the table archived, also if it is gone
	trimmed    INTEGER NOT NULL, -- numbers up to here are gone
	latest_seq INTEGER NOT NULL, -- no ended task has a later event
	windows    BLOB    NOT NULL  -- counts by time
) STRICT;

-- Types and queues, by number. A group stays when it is empty.
CREATE TABLE groups (
	number INTEGER PRIMARY KEY,
	type   TEXT NOT NULL,
	queue  TEXT NOT NULL
) STRICT;

-- How many tasks of a group have a status.
CREATE TABLE counts (
	facet INTEGER PRIMARY KEY, -- group × 6 + status
	n     INTEGER NOT NULL
) STRICT;

-- What the events of other streams than those of tasks say.
CREATE TABLE streams (
	kind  TEXT PRIMARY KEY, -- "server" for the streams server:<ULID>
	state TEXT NOT NULL     -- JSON
) STRICT, WITHOUT ROWID;

-- Tasks that memory holds too.
CREATE TABLE live (
	/*live*/
) STRICT;

-- Tasks that have ended and may have left memory.
CREATE TABLE ended (
	run       INTEGER NOT NULL, -- completed_at - started_at, at least 0; -1 if it never started
	run_class INTEGER,          -- of run, four to the octave; NULL if it never started
	number    INTEGER NOT NULL, -- in the table archived
	/*ended*/
) STRICT;
CREATE UNIQUE INDEX ended_id ON ended (id);
CREATE INDEX ended_facet ON ended (group_no, status, submit_seq, run);
CREATE INDEX ended_run ON ended (run_class, submit_seq, group_no, status, run) WHERE run_class IS NOT NULL;

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

-- A zone is 4,096 neighbouring submit seqs. The ids of its ended tasks lie between two, and none
-- has its last event before the one or after the other seq.
CREATE TABLE ended_zones (
	zone       INTEGER PRIMARY KEY,
	least_id   TEXT    NOT NULL,
	most_id    TEXT    NOT NULL,
	least_seq  INTEGER NOT NULL,
	most_seq   INTEGER NOT NULL
) STRICT;

-- Unique keys that ended tasks hold for a time, by the hash of type and key: of each the
-- task that holds it longest. Those whose time is over go, sooner or later.
CREATE TABLE claims (
	claim      BLOB    PRIMARY KEY,
	submit_seq INTEGER NOT NULL,
	until      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_until ON claims (until);

-- In which order tasks came to the table ended, for the index of texts: those that got the
-- numbers first to last.
CREATE TABLE archived (
	first INTEGER PRIMARY KEY,
	last  INTEGER NOT NULL,
	seqs  BLOB    NOT NULL -- distances between their submit seqs, zigzag varints
) STRICT;

-- For people: what of tasks is asked for most, in words.
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
		nullif(worker, '') AS worker, nullif(idempotency_key, '') AS idempotency_key, iif(links = '', NULL, links ->> '$.retry_of') AS retry_of,
		submit_seq, last_seq
	FROM (SELECT /*names*/, worker FROM live UNION ALL SELECT /*names*/, '' FROM ended) LEFT JOIN groups ON number = group_no;
