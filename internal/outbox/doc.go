// Package outbox submits tasks that programs have left in a table of their own database.
//
// A program that changes its data and submits a task may die between the two. With an outbox it adds a row in the transaction of
// its change. A relay submits the task of each row and then deletes the row. Its key is the idempotency key of the submit, so a
// relay that dies between the two submits no second task. The text of a task is sent as it is in its row: only the server judges it.
//
// Order: a row is submitted when all rows before it, as far as they are committed, are. In PostgreSQL a row may be committed after
// one with a higher id; it is submitted after that one.
package outbox
