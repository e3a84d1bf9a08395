CREATE TABLE about (
	id       INTEGER PRIMARY KEY CHECK (id = 1),
	log_id   TEXT    NOT NULL,
	complete INTEGER NOT NULL -- 0 while a bulk is under way
) STRICT;

CREATE TABLE state (
	id      INTEGER PRIMARY KEY CHECK (id = 1),
	seq     INTEGER NOT NULL,
	hash    BLOB    NOT NULL,
	no      INTEGER NOT NULL, -- the last archive number given
	trimmed INTEGER NOT NULL, -- archive numbers up to here are forgotten
	counts  BLOB    NOT NULL,
	windows BLOB    NOT NULL
) STRICT;

CREATE TABLE groups (
	number INTEGER PRIMARY KEY,
	type   TEXT NOT NULL,
	queue  TEXT NOT NULL
) STRICT;

CREATE TABLE image (
	seq  INTEGER PRIMARY KEY, -- of task.submitted
	id   BLOB NOT NULL,
	body BLOB NOT NULL
) STRICT;

CREATE TABLE archive (
	seq  INTEGER PRIMARY KEY, -- of task.submitted
	no   INTEGER NOT NULL,    -- archive number
	id   BLOB    NOT NULL,
	body BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX archive_id ON archive (id);

-- Which tasks were archived, in that order: numbers first, first + 1, …
CREATE TABLE archived (
	first INTEGER PRIMARY KEY,
	seqs  BLOB NOT NULL
) STRICT;

-- Idempotency keys, by hash. The epoch keeps inserts together: the tree of one epoch
-- is small, and only the newest one grows.
CREATE TABLE keys (
	epoch INTEGER NOT NULL,
	hash  INTEGER NOT NULL,
	seq   INTEGER NOT NULL,
	PRIMARY KEY (epoch, hash, seq)
) STRICT, WITHOUT ROWID;

-- Unique keys that archived tasks hold for a time, by the hash of type and key: of each the
-- task that holds it longest. Those whose time is over go, sooner or later.
CREATE TABLE claims (
	claim BLOB    PRIMARY KEY,
	seq   INTEGER NOT NULL,
	until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_until ON claims (until);

-- Which archived tasks have a term: one row is the block of one term in one chunk.
CREATE TABLE lists (
	key    INTEGER PRIMARY KEY, -- term × 2^24 + chunk
	newest INTEGER NOT NULL,    -- no task in it has a later event
	seqs   BLOB NOT NULL,
	facets BLOB,
	runs   BLOB,
	lasts  BLOB
) STRICT;

-- How many tasks have a term. Tags have it in their own table.
CREATE TABLE terms (
	term INTEGER PRIMARY KEY,
	n    INTEGER NOT NULL
) STRICT;

CREATE TABLE tags (
	term INTEGER PRIMARY KEY,
	name TEXT    NOT NULL UNIQUE,
	n    INTEGER NOT NULL
) STRICT;

-- The ids of a chunk lie between these.
CREATE TABLE zones (
	chunk INTEGER PRIMARY KEY,
	least BLOB NOT NULL,
	most  BLOB NOT NULL
) STRICT;
