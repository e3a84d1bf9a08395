-- The outbox of Daybook in SQLite. A program adds a row in the transaction of its own change;
-- `daybook outbox --from sqlite:PATH` submits the task of each row in order, and deletes the row.
CREATE TABLE IF NOT EXISTS daybook_outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,                      -- the order of submits
    key        TEXT NOT NULL UNIQUE DEFAULT (lower(hex(randomblob(16)))), -- the idempotency key of the submit
    task       TEXT NOT NULL CHECK (json_valid(task)),                 -- the body of POST /api/tasks/submit
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    refused    TEXT                                                    -- why the server refuses the task; NULL = it has not
);
