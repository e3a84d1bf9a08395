// A VFS that keeps a checksum in every page of a database; see sums.go.

typedef struct sqlite3 sqlite3;

// daybook_register_sums makes the VFS known under that name, on top of the default one.
int daybook_register_sums(const char *name);

// daybook_reserve leaves room for a checksum in each page of a database that has none yet.
int daybook_reserve(sqlite3 *db);
