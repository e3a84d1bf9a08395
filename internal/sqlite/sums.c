#include "sums.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// SQLite's interface for a VFS is stable. What is used of it is declared here, for the
// same reason as in rows.c.
#define FROM_DRIVER extern __attribute__((weak))

typedef struct file file;
typedef struct vfs vfs;

struct methods {
	int version;
	int (*close)(file *);
	int (*read)(file *, void *, int, long long);
	int (*write)(file *, const void *, int, long long);
	int (*truncate)(file *, long long);
	int (*sync)(file *, int);
	int (*size)(file *, long long *);
	int (*lock)(file *, int);
	int (*unlock)(file *, int);
	int (*check_lock)(file *, int *);
	int (*control)(file *, int, void *);
	int (*sector_size)(file *);
	int (*characteristics)(file *);
	int (*shm_map)(file *, int, int, int, void volatile **);
	int (*shm_lock)(file *, int, int, int);
	void (*shm_barrier)(file *);
	int (*shm_unmap)(file *, int);
};

struct file {
	const struct methods *methods;
};

struct vfs {
	int version;
	int file_size;
	int longest_path;
	vfs *next;
	const char *name;
	void *data;
	int (*open)(vfs *, const char *, file *, int, int *);
	int (*remove)(vfs *, const char *, int);
	int (*access)(vfs *, const char *, int, int *);
	int (*full_path)(vfs *, const char *, int, char *);
	void *(*dl_open)(vfs *, const char *);
	void (*dl_error)(vfs *, int, char *);
	void (*(*dl_sym)(vfs *, void *, const char *))(void);
	void (*dl_close)(vfs *, void *);
	int (*randomness)(vfs *, int, char *);
	int (*sleep)(vfs *, int);
	int (*time)(vfs *, double *);
	int (*last_error)(vfs *, int, char *);
	int (*time64)(vfs *, long long *);
	// Of version 3 and later nothing is used.
};

FROM_DRIVER vfs *sqlite3_vfs_find(const char *);
FROM_DRIVER int sqlite3_vfs_register(vfs *, int);
FROM_DRIVER long long sqlite3_uri_int64(const char *, const char *, long long);
FROM_DRIVER int sqlite3_file_control(sqlite3 *, const char *, int, void *);

enum {
	OK = 0,
	ERROR = 1,
	NOMEM = 7,
	CANTOPEN = 14,
	IOERR_SHORT_READ = 10 | 2 << 8,
	IOERR_WRITE = 10 | 3 << 8,
	IOERR_DATA = 10 | 32 << 8,
	OPEN_MAIN_DB = 0x100,
	OPEN_WAL = 0x80000,
	RESERVE_BYTES = 38,

	SUM = 8,          // bytes of a checksum, the last ones of a page
	RESERVED_AT = 20, // where a database says how many bytes of a page SQLite leaves alone

	// A WAL is a header, then frames: a header each and a page.
	WAL_HEADER = 32,
	FRAME_HEADER = 24,
	WAL_SUM = 24,   // where a checksum lies in the header of a WAL
	FRAME_SUM = 16, // and in that of a frame
};

// summed is an open database, or its WAL, over the file of the default VFS.
struct summed {
	file base;
	file *real;
	int page;             // bytes
	unsigned char *spare; // a page
	// Of a WAL that this connection has written to: how many frames its transactions
	// have ended. One that is open may write a frame anew, and puts its checksum right
	// at its end.
	int wrote;
	long long ended;
};

static uint64_t word(const unsigned char *b) {
	uint64_t w;
	memcpy(&w, b, sizeof w);
	return w;
}

static uint64_t mix(uint64_t h, uint64_t w) {
	h = (h ^ w) * 0x9E3779B97F4A7C15u;
	return h ^ h >> 29;
}

// sum is of a page without its checksum and of where it lies. Each step can be undone, so
// no change within 8 bytes leaves it the same.
static uint64_t sum(const unsigned char *page, int size, long long at) {
	uint64_t lane[4] = {(uint64_t)at + 1, 0x243F6A8885A308D3u, 0x13198A2E03707344u, 0xA4093822299F31D0u};
	int i = 0;
	for (; i + 32 <= size - SUM; i += 32)
		for (int k = 0; k < 4; k++)
			lane[k] = mix(lane[k], word(page + i + 8 * k));
	for (int k = 0; i < size - SUM; i += 8, k++)
		lane[k] = mix(lane[k], word(page + i));
	return mix(mix(mix(mix(0, lane[0]), lane[1]), lane[2]), lane[3]);
}

static int fits(const unsigned char *page, int size, long long at) {
	return word(page + size - SUM) == sum(page, size, at);
}

// read_page reads a whole page of the database and checks it.
static int read_page(struct summed *f, unsigned char *page, long long at) {
	int rc = f->real->methods->read(f->real, page, f->page, at);
	if (rc == OK)
		return fits(page, f->page, at) ? OK : IOERR_DATA;
	long long size;
	if (rc == IOERR_SHORT_READ && f->real->methods->size(f->real, &size) == OK && size > 0)
		return IOERR_DATA; // a database that is not new is cut
	return rc;
}

static int read_db(file *base, void *to, int n, long long at) {
	struct summed *f = (struct summed *)base;
	if (n == f->page && at % f->page == 0)
		return read_page(f, to, at);
	long long start = at - at % f->page;
	if (at + n > start + f->page)
		return IOERR_DATA; // SQLite reads pages of another size than were written
	int rc = read_page(f, f->spare, start);
	if (rc == OK)
		memcpy(to, f->spare + (at - start), (size_t)n);
	else if (rc == IOERR_SHORT_READ)
		memset(to, 0, (size_t)n);
	return rc;
}

static int write_db(file *base, const void *from, int n, long long at) {
	struct summed *f = (struct summed *)base;
	if (n != f->page || at % f->page != 0)
		return IOERR_WRITE;
	if (at == 0 && ((const unsigned char *)from)[RESERVED_AT] != SUM)
		return IOERR_WRITE; // there is no room for checksums
	memcpy(f->spare, from, (size_t)n);
	uint64_t s = sum(f->spare, n, at);
	memcpy(f->spare + n - SUM, &s, sizeof s);
	return f->real->methods->write(f->real, f->spare, n, at);
}

static uint32_t number(const unsigned char *b, int big) {
	if (big)
		return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
	return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

// follow carries a WAL's checksum on over n bytes, as SQLite's file format says.
static void follow(uint32_t s[2], const unsigned char *b, int n, int big) {
	for (int i = 0; i < n; i += 8) {
		s[0] += number(b + i, big) + s[1];
		s[1] += number(b + i + 4, big) + s[0];
	}
}

// check_frame checks the page of a frame that was read: its checksum goes on from that of
// the frame before.
static int check_frame(struct summed *f, const unsigned char *page, long long frame) {
	unsigned char wal[WAL_HEADER], before[8], header[FRAME_HEADER];
	long long start = WAL_HEADER + frame * (FRAME_HEADER + f->page);
	const struct methods *m = f->real->methods;
	int rc = m->read(f->real, wal, WAL_HEADER, 0);
	if (rc == OK)
		rc = m->read(f->real, header, FRAME_HEADER, start);
	if (rc == OK && frame > 0)
		rc = m->read(f->real, before, sizeof before, start - FRAME_HEADER - f->page + FRAME_SUM);
	if (rc != OK)
		return rc;
	if (frame == 0)
		memcpy(before, wal + WAL_SUM, sizeof before);
	int big = wal[3] & 1; // of the numbers that are summed up
	uint32_t s[2] = {number(before, 1), number(before + 4, 1)};
	follow(s, header, 8, big);
	follow(s, page, f->page, big);
	return s[0] == number(header + FRAME_SUM, 1) && s[1] == number(header + FRAME_SUM + 4, 1) ? OK : IOERR_DATA;
}

static int read_wal(file *base, void *to, int n, long long at) {
	struct summed *f = (struct summed *)base;
	int rc = f->real->methods->read(f->real, to, n, at);
	long long into = at - WAL_HEADER - FRAME_HEADER;
	if (rc != OK || n != f->page || into < 0 || into % (FRAME_HEADER + f->page) != 0)
		return rc;
	long long frame = into / (FRAME_HEADER + f->page);
	return f->wrote && frame >= f->ended ? OK : check_frame(f, to, frame);
}

static int write_wal(file *base, const void *from, int n, long long at) {
	struct summed *f = (struct summed *)base;
	long long into = at - WAL_HEADER;
	if (into < 0) { // it begins anew
		f->wrote = 1;
		f->ended = 0;
	} else if (n == FRAME_HEADER && into % (FRAME_HEADER + f->page) == 0) {
		long long frame = into / (FRAME_HEADER + f->page);
		if (!f->wrote)
			f->ended = frame;
		f->wrote = 1;
		if (number((const unsigned char *)from + 4, 1) != 0 && frame >= f->ended)
			f->ended = frame + 1;
	}
	return f->real->methods->write(f->real, from, n, at);
}

static file *real(file *base) { return ((struct summed *)base)->real; }

static int do_close(file *base) {
	struct summed *f = (struct summed *)base;
	int rc = f->real->methods->close(f->real);
	free(f->spare);
	f->spare = 0;
	return rc;
}

static int do_truncate(file *f, long long n) { return real(f)->methods->truncate(real(f), n); }
static int do_sync(file *f, int flags) { return real(f)->methods->sync(real(f), flags); }
static int do_size(file *f, long long *n) { return real(f)->methods->size(real(f), n); }
static int do_lock(file *f, int l) { return real(f)->methods->lock(real(f), l); }
static int do_unlock(file *f, int l) { return real(f)->methods->unlock(real(f), l); }
static int do_check_lock(file *f, int *l) { return real(f)->methods->check_lock(real(f), l); }
static int do_control(file *f, int op, void *arg) { return real(f)->methods->control(real(f), op, arg); }
static int do_sector_size(file *f) { return real(f)->methods->sector_size(real(f)); }
static int do_characteristics(file *f) { return real(f)->methods->characteristics(real(f)); }
static int do_shm_map(file *f, int i, int n, int extend, void volatile **p) {
	return real(f)->methods->shm_map(real(f), i, n, extend, p);
}
static int do_shm_lock(file *f, int at, int n, int flags) { return real(f)->methods->shm_lock(real(f), at, n, flags); }
static void do_shm_barrier(file *f) { real(f)->methods->shm_barrier(real(f)); }
static int do_shm_unmap(file *f, int remove) { return real(f)->methods->shm_unmap(real(f), remove); }

// Version 2: without the methods that map a file into memory, which would go unchecked.
#define METHODS(read, write) \
	{2, do_close, read, write, do_truncate, do_sync, do_size, do_lock, do_unlock, do_check_lock, do_control, \
	 do_sector_size, do_characteristics, do_shm_map, do_shm_lock, do_shm_barrier, do_shm_unmap}

static const struct methods of_db = METHODS(read_db, write_db);
static const struct methods of_wal = METHODS(read_wal, write_wal);

static vfs *below; // the default VFS

static int do_open(vfs *v, const char *name, file *base, int flags, int *out) {
	(void)v;
	if ((flags & (OPEN_MAIN_DB | OPEN_WAL)) == 0)
		return below->open(below, name, base, flags, out);
	struct summed *f = (struct summed *)base;
	memset(f, 0, sizeof *f);
	f->page = (int)sqlite3_uri_int64(name, "page", 0);
	if (f->page < 512 || f->page > 65536)
		return CANTOPEN;
	f->real = (file *)(f + 1);
	f->real->methods = 0;
	int rc = below->open(below, name, f->real, flags, out);
	if (rc == OK && (f->spare = malloc((size_t)f->page)) == 0) {
		f->real->methods->close(f->real);
		rc = NOMEM;
	}
	if (rc == OK)
		f->base.methods = (flags & OPEN_WAL) != 0 ? &of_wal : &of_db;
	return rc;
}

int daybook_register_sums(const char *name) {
	static vfs sums; // lives as long as the process, as SQLite asks for
	if (sqlite3_vfs_find(name) != 0)
		return OK;
	below = sqlite3_vfs_find(0);
	if (below == 0 || below->version < 2)
		return ERROR;
	sums = *below;
	sums.version = 2;
	sums.file_size += (int)sizeof(struct summed);
	sums.next = 0;
	sums.name = strdup(name);
	sums.open = do_open;
	return sums.name == 0 ? NOMEM : sqlite3_vfs_register(&sums, 0);
}

int daybook_reserve(sqlite3 *db) {
	int n = SUM;
	return sqlite3_file_control(db, "main", RESERVE_BYTES, &n);
}
