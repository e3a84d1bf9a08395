-- The outbox of Daybook in PostgreSQL 13 or newer. A program adds a row in the transaction of its own change;
-- `daybook outbox --from postgres://…` submits the task of each row in order, and deletes the row.
CREATE TABLE IF NOT EXISTS daybook_outbox (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,       -- the order of submits
    key        TEXT NOT NULL UNIQUE DEFAULT gen_random_uuid()::text,  -- the idempotency key of the submit
    task       JSON NOT NULL,                                         -- the body of POST /api/tasks/submit
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    refused    TEXT                                                   -- why the server refuses the task; NULL = it has not
);
