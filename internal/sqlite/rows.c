#include "rows.h"

#include <string.h>

// SQLite is compiled into the driver, and its header lies there. What is used of it is
// declared here, by the same stable interface. The symbols are weak so that this package
// can be linked by itself, as the go command does on the way; in a program the driver
// has them.
#define FROM_DRIVER extern __attribute__((weak))

FROM_DRIVER int sqlite3_prepare_v3(sqlite3 *, const char *, int, unsigned int, sqlite3_stmt **, const char **);
FROM_DRIVER int sqlite3_bind_int64(sqlite3_stmt *, int, long long);
FROM_DRIVER int sqlite3_bind_null(sqlite3_stmt *, int);
FROM_DRIVER int sqlite3_bind_text64(sqlite3_stmt *, int, const char *, unsigned long long, void (*)(void *), unsigned char);
FROM_DRIVER int sqlite3_bind_blob64(sqlite3_stmt *, int, const void *, unsigned long long, void (*)(void *));
FROM_DRIVER int sqlite3_step(sqlite3_stmt *);
FROM_DRIVER long long sqlite3_column_int64(sqlite3_stmt *, int);
FROM_DRIVER const void *sqlite3_column_blob(sqlite3_stmt *, int);
FROM_DRIVER int sqlite3_column_bytes(sqlite3_stmt *, int);
FROM_DRIVER int sqlite3_reset(sqlite3_stmt *);
FROM_DRIVER int sqlite3_clear_bindings(sqlite3_stmt *);
FROM_DRIVER int sqlite3_finalize(sqlite3_stmt *);
FROM_DRIVER int sqlite3_stmt_readonly(sqlite3_stmt *);
FROM_DRIVER int sqlite3_db_config(sqlite3 *, int, ...);
FROM_DRIVER void *sqlite3_wal_hook(sqlite3 *, int (*)(void *, sqlite3 *, const char *, int), void *);
FROM_DRIVER const char *sqlite3_errmsg(sqlite3 *);
FROM_DRIVER int sqlite3_extended_errcode(sqlite3 *);
FROM_DRIVER int sqlite3_system_errno(sqlite3 *);

enum {
	OK = 0,
	MISUSE = 21,
	ROW = 100,
	DONE = 101,
	PREPARE_PERSISTENT = 1,
	UTF8 = 1,
	DBCONFIG_ENABLE_TRIGGER = 1003,
	DBCONFIG_NO_CKPT_ON_CLOSE = 1006,
};

int daybook_prepare(sqlite3 *db, const char *sql, size_t size, sqlite3_stmt **stmt) {
	return sqlite3_prepare_v3(db, sql, (int)size, PREPARE_PERSISTENT, stmt, 0);
}

void daybook_finalize(sqlite3_stmt *stmt) { sqlite3_finalize(stmt); }

static unsigned int length(const unsigned char *b) {
	return (unsigned int)b[0] << 24 | (unsigned int)b[1] << 16 | (unsigned int)b[2] << 8 | b[3];
}

static long long number(const unsigned char *b) {
	return (long long)((unsigned long long)length(b) << 32 | length(b + 4));
}

// bind gives one value to the statement. The bytes stay where they are: nothing of the
// statement's bindings outlives daybook_insert.
static int bind(sqlite3_stmt *stmt, int i, char kind, const unsigned char *b, unsigned int n) {
	switch (kind) {
	case 'i':
		return n == 8 ? sqlite3_bind_int64(stmt, i, number(b)) : MISUSE;
	case 't':
		return sqlite3_bind_text64(stmt, i, (const char *)b, n, 0, UTF8);
	case 'b':
		return n == 0 ? sqlite3_bind_null(stmt, i) : sqlite3_bind_blob64(stmt, i, b, n, 0);
	}
	return MISUSE;
}

// row inserts the row at b and moves b behind it.
static int row(sqlite3_stmt *stmt, const char *kinds, const unsigned char **b, const unsigned char *end) {
	for (int i = 0; kinds[i]; i++) {
		if (end - *b < 4)
			return MISUSE;
		unsigned int n = length(*b);
		*b += 4;
		if ((unsigned long long)(end - *b) < n)
			return MISUSE;
		int rc = bind(stmt, i + 1, kinds[i], *b, n);
		if (rc != OK)
			return rc;
		*b += n;
	}
	int rc = sqlite3_step(stmt);
	return rc == DONE ? sqlite3_reset(stmt) : rc;
}

int daybook_insert(sqlite3_stmt *stmt, const char *kinds, const unsigned char *rows, size_t size, int *done) {
	const unsigned char *end = rows + size;
	int rc = OK;
	for (*done = 0; rc == OK && rows < end; *done += rc == OK)
		rc = row(stmt, kinds, &rows, end);
	return rc; // the caller reads the message before the statement is reset
}

int daybook_bind_numbers(sqlite3_stmt *stmt, int first, const long long *numbers, int n) {
	int rc = OK;
	for (int i = 0; rc == OK && i < n; i++)
		rc = sqlite3_bind_int64(stmt, first + i, numbers[i]);
	return rc;
}

int daybook_bind_text(sqlite3_stmt *stmt, const char *text, size_t size) {
	return sqlite3_bind_text64(stmt, 1, text, size, 0, UTF8);
}

static void put_length(unsigned char *b, unsigned int n) {
	for (int i = 0; i < 4; i++)
		b[i] = (unsigned char)(n >> (24 - 8 * i));
}

// take writes the row that the statement is at to b, and returns how long that is; 0 if
// there is no room.
static size_t take(sqlite3_stmt *stmt, const char *kinds, unsigned char *b, size_t room) {
	size_t at = 0;
	for (int i = 0; kinds[i]; i++) {
		if (kinds[i] == 'i') {
			if (room - at < 12)
				return 0;
			unsigned long long n = (unsigned long long)sqlite3_column_int64(stmt, i);
			put_length(b + at, 8);
			put_length(b + at + 4, (unsigned int)(n >> 32));
			put_length(b + at + 8, (unsigned int)n);
			at += 12;
			continue;
		}
		const void *value = sqlite3_column_blob(stmt, i);
		unsigned int n = (unsigned int)sqlite3_column_bytes(stmt, i);
		if (room - at < 4 || room - at - 4 < n)
			return 0;
		put_length(b + at, n);
		if (n > 0)
			memcpy(b + at + 4, value, n);
		at += 4 + (size_t)n;
	}
	return at;
}

int daybook_read(sqlite3_stmt *stmt, const char *kinds, unsigned char *rows, size_t room, size_t enough, size_t *used, int *waits) {
	int rc = *waits ? ROW : sqlite3_step(stmt);
	for (*used = 0; rc == ROW; rc = *used >= enough ? DONE : sqlite3_step(stmt)) {
		size_t n = take(stmt, kinds, rows + *used, room - *used);
		*waits = n == 0;
		if (*waits)
			break;
		*used += n;
	}
	return rc;
}

int daybook_ignore_triggers(sqlite3 *db) { return sqlite3_db_config(db, DBCONFIG_ENABLE_TRIGGER, 0, (int *)0); }

int daybook_keep_wal(sqlite3 *db, int keep) { return sqlite3_db_config(db, DBCONFIG_NO_CKPT_ON_CLOSE, keep, (int *)0); }

static int count(void *frames, sqlite3 *db, const char *name, int n) {
	(void)db, (void)name;
	*(int *)frames = n;
	return OK;
}

void daybook_count_frames(sqlite3 *db, int *frames) { sqlite3_wal_hook(db, count, frames); }

const char *daybook_message(sqlite3 *db, int *extended, int *errno_) {
	*extended = sqlite3_extended_errcode(db);
	*errno_ = sqlite3_system_errno(db);
	return sqlite3_errmsg(db);
}

void daybook_reset(sqlite3_stmt *stmt) {
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

// daybook_count counts the statements of a text, 2 at most: what follows the first one and is
// neither space nor comment counts, whatever it is. readonly and length are of the first.
int daybook_count(sqlite3 *db, const char *sql, size_t size, int *count, int *readonly, size_t *length) {
	const char *begin = sql, *end = sql + size;
	*count = 0;
	while (sql < end) {
		sqlite3_stmt *stmt = NULL;
		int rc = sqlite3_prepare_v3(db, sql, (int)(end - sql), 0, &stmt, &sql);
		if (rc != OK && *count == 0) return rc;
		if (rc != OK || (stmt != NULL && *count == 1)) {
			sqlite3_finalize(stmt);
			*count = 2;
			return OK;
		}
		if (stmt != NULL) {
			*count = 1;
			*length = (size_t)(sql - begin);
			*readonly = sqlite3_stmt_readonly(stmt);
			sqlite3_finalize(stmt);
		}
	}
	return OK;
}
