// Many rows in one call of C; see rows.go and query.go.

#include <stddef.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;

int daybook_prepare(sqlite3 *db, const char *sql, size_t size, sqlite3_stmt **stmt);
int daybook_insert(sqlite3_stmt *stmt, const char *kinds, const unsigned char *rows, size_t size, int *done);
int daybook_bind_numbers(sqlite3_stmt *stmt, int first, const long long *numbers, int n);
int daybook_bind_text(sqlite3_stmt *stmt, const char *text, size_t size);
int daybook_read(sqlite3_stmt *stmt, const char *kinds, unsigned char *rows, size_t room, size_t enough, size_t *used, int *waits);
int daybook_count(sqlite3 *db, const char *sql, size_t size, int *count, int *readonly, size_t *length);
void daybook_reset(sqlite3_stmt *stmt);
void daybook_finalize(sqlite3_stmt *stmt);
int daybook_ignore_triggers(sqlite3 *db);
int daybook_keep_wal(sqlite3 *db, int keep);
void daybook_count_frames(sqlite3 *db, int *frames);
const char *daybook_message(sqlite3 *db, int *extended, int *errno_);
