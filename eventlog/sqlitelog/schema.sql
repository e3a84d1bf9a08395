-- One log. Nothing is ever changed in it but by an append at its end and by the erasure
-- of a payload; the triggers say so to whoever opens the file with another program.
-- events has no second index: one on the stream costs a factor of five in appends.

CREATE TABLE meta (
    format     INTEGER NOT NULL, -- of this schema, as user_version
    log_id     TEXT    NOT NULL, -- ULID
    created_at INTEGER NOT NULL, -- microseconds since the Unix epoch
    base_seq   INTEGER NOT NULL, -- the event before the first one here
    base_hash  BLOB    NOT NULL  -- its hash
) STRICT;

CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    stream       TEXT    NOT NULL,
    version      INTEGER NOT NULL,
    type         TEXT    NOT NULL,
    v            INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    data         TEXT    NOT NULL,
    payload_hash BLOB,             -- NULL: the event has no payload
    hash         BLOB    NOT NULL  -- the chain
) STRICT;

CREATE TABLE payloads (
    seq  INTEGER PRIMARY KEY,
    salt BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE TRIGGER meta_insert BEFORE INSERT ON meta WHEN EXISTS (SELECT 1 FROM meta)
BEGIN SELECT RAISE(ABORT, 'a log has one identity'); END;
CREATE TRIGGER meta_update BEFORE UPDATE ON meta
BEGIN SELECT RAISE(ABORT, 'the identity of a log never changes'); END;
CREATE TRIGGER meta_delete BEFORE DELETE ON meta
BEGIN SELECT RAISE(ABORT, 'the identity of a log never changes'); END;

CREATE TRIGGER events_insert BEFORE INSERT ON events
WHEN NEW.seq IS NOT (SELECT ifnull(max(seq), (SELECT base_seq FROM meta)) + 1 FROM events)
BEGIN SELECT RAISE(ABORT, 'an event can only be appended'); END;
CREATE TRIGGER events_update BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;
CREATE TRIGGER events_delete BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;

CREATE TRIGGER payloads_update BEFORE UPDATE ON payloads
BEGIN SELECT RAISE(ABORT, 'a payload never changes'); END;
