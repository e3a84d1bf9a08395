// What a decoder asks of the host, and what both modules share.
#ifndef HOST_H
#define HOST_H
#include <stddef.h>
#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("host"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

// host_read copies at most size bytes of the file from offset; it returns how many.
IMPORT("read") int32_t host_read(int64_t offset, void *to, int32_t size);
// host_rows takes count rows from row y on, RGBA with 8 bits a channel, premultiplied.
IMPORT("rows") void host_rows(const void *pixels, int32_t y, int32_t count);
// host_fail says why the picture cannot be read. The caller ends.
IMPORT("fail") void host_fail(const char *text, int32_t size);

// fail ends the instance with a reason.
_Noreturn void fail(const char *text);

// picture is what the header says; the host reads it by its layout.
struct picture {
	uint32_t width, height; // as stored, or upright where turned is 1
	uint32_t orientation;   // EXIF, 1 to 8; 0 = not said
	uint32_t frames;        // at least 1
	uint32_t profile, profile_size; // ICC
	uint32_t exif, exif_size;       // from its TIFF header on
	uint32_t primaries, transfer;   // of ITU-T H.273; 0 = not said
	uint32_t need;          // KiB that decoding takes beside the rows
	uint32_t cmyk;          // 1 = profile is used by decode
};
extern struct picture picture;

#endif
