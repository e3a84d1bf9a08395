// HEIC and AVIF by libheif with libde265 and libaom. One instance reads one picture: open, then decode.
#include <stdlib.h>
#include <string.h>

#include "heif.h"
#include "host.h"

struct picture picture;

EXPORT("alloc") void *alloc(uint32_t size) { return malloc(size); }
EXPORT("about") struct picture *about(void) { return &picture; }

_Noreturn void fail(const char *text) {
	host_fail(text, (int32_t)strlen(text));
	__builtin_trap();
}

static int64_t file_at, file_size;

static int64_t file_position(void *u) { return file_at; }
static int file_seek(int64_t to, void *u) {
	file_at = to;
	return to < 0 || to > file_size;
}
static int file_read(void *to, size_t size, void *u) {
	for (size_t sum = 0; sum < size;) {
		int32_t n = host_read(file_at, (char *)to + sum, (int32_t)(size - sum));
		if (n <= 0) return 1;
		file_at += n;
		sum += n;
	}
	return 0;
}
static enum heif_reader_grow_status file_wait(int64_t size, void *u) {
	return size > file_size ? heif_reader_grow_status_size_beyond_eof : heif_reader_grow_status_size_reached;
}
static const struct heif_reader reader = {1, file_position, file_read, file_seek, file_wait};

// build.sh puts this in the place of de265_start_worker_threads: all work is done in one thread.
int no_worker_threads(void *decoder, int count) { return 0; }

int turned(const struct heif_reader *); // of turned.cc

static uint32_t u32(const uint8_t *p) { return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]; }

// moving counts the frames of a sequence: the samples of the largest table in its movie box. 1 = none.
static uint32_t moving(void) {
	uint32_t most = 1;
	uint8_t head[8];
	for (int64_t at = 0; at + 8 <= file_size;) {
		file_at = at;
		if (file_read(head, 8, NULL) != 0) break;
		uint32_t size = u32(head);
		if (memcmp(head + 4, "moov", 4) == 0 && size < 1 << 20 && size > 28) {
			uint8_t *box = malloc(size);
			if (box == NULL || file_read(box, size - 8, NULL) != 0) break;
			for (uint32_t i = 0; i + 16 <= size - 8; i++)
				if (memcmp(box + i, "stsz", 4) == 0 && u32(box + i + 12) > most) most = u32(box + i + 12);
			free(box);
		}
		if (size < 8) break; // to the end of the file, or of 64 bits: the last one
		at += size;
	}
	return most;
}

static struct heif_image_handle *handle;

static void must(struct heif_error err) {
	if (err.code == heif_error_Ok) return;
	fail(err.message != NULL && err.message[0] != 0 ? err.message : "it is cut or damaged");
}

// exif finds the EXIF block of the picture, which begins with the place of its TIFF header.
static void exif(void) {
	heif_item_id id;
	if (heif_image_handle_get_list_of_metadata_block_IDs(handle, "Exif", &id, 1) != 1) return;
	size_t size = heif_image_handle_get_metadata_size(handle, id);
	uint8_t *data = malloc(size);
	if (size < 4 || data == NULL || heif_image_handle_get_metadata(handle, id, data).code != heif_error_Ok) return;
	uint32_t skip = u32(data);
	if (skip >= size - 4) return;
	picture.exif = (uint32_t)(uintptr_t)(data + 4 + skip);
	picture.exif_size = (uint32_t)(size - 4 - skip);
}

EXPORT("open_heif") void open_heif(int64_t size) {
	file_size = size;
	struct heif_context *context = heif_context_alloc();
	if (context == NULL) fail("out of memory");
	heif_context_set_max_decoding_threads(context, 0);
	must(heif_context_read_from_reader(context, &reader, NULL, NULL));
	must(heif_context_get_primary_image_handle(context, &handle));
	picture.width = (uint32_t)heif_image_handle_get_width(handle);
	picture.height = (uint32_t)heif_image_handle_get_height(handle);
	// A phone writes the turn twice, and libheif has applied that of the container.
	file_at = 0;
	if (turned(&reader)) picture.orientation = 1;
	else exif();
	uint32_t images = (uint32_t)heif_context_get_number_of_top_level_images(context);
	picture.frames = moving();
	if (images > picture.frames) picture.frames = images;
	size_t icc = heif_image_handle_get_raw_color_profile_size(handle);
	if (icc > 0) {
		void *data = malloc(icc);
		if (data == NULL) fail("out of memory");
		must(heif_image_handle_get_raw_color_profile(handle, data));
		picture.profile = (uint32_t)(uintptr_t)data;
		picture.profile_size = (uint32_t)icc;
	}
	struct heif_color_profile_nclx *nclx = NULL;
	if (heif_image_handle_get_nclx_color_profile(handle, &nclx).code == heif_error_Ok) {
		picture.primaries = nclx->color_primaries;
		picture.transfer = nclx->transfer_characteristics;
	}
	// Planes of the picture and of its tiles, one of them turned, and RGBA of it; twice for more than 8 bits.
	uint64_t pixels = (uint64_t)picture.width * picture.height;
	uint64_t each = heif_image_handle_get_luma_bits_per_pixel(handle) > 8 ? 22 : 14;
	picture.need = (uint32_t)((each * pixels + (uint64_t)size + (24 << 20)) >> 10);
}

// progress lets the host end the work between two tiles.
static void progress(enum heif_progress_step step, int n, void *u) { host_rows(NULL, 0, 0); }

EXPORT("decode_heif") void decode_heif(void) {
	struct heif_decoding_options *options = heif_decoding_options_alloc();
	if (options == NULL) fail("out of memory");
	options->convert_hdr_to_8bit = 1;
	options->on_progress = progress;
	struct heif_image *image = NULL;
	must(heif_decode_image(handle, &image, heif_colorspace_RGB, heif_chroma_interleaved_RGBA, options));
	if ((uint32_t)heif_image_get_primary_width(image) != picture.width || (uint32_t)heif_image_get_primary_height(image) != picture.height)
		fail("it has another size than its header says");
	int stride = 0;
	uint8_t *rows = heif_image_get_plane(image, heif_channel_interleaved, &stride);
	if (rows == NULL) fail("it has no pixels");
	int blend = heif_image_handle_has_alpha_channel(handle) && !heif_image_handle_is_premultiplied_alpha(handle);
	for (uint32_t y = 0; y < picture.height; y++) {
		uint8_t *row = rows + (size_t)stride * y;
		for (uint32_t x = 0; blend && x < picture.width; x++)
			for (int c = 0; c < 3; c++) row[4 * x + c] = (row[4 * x + c] * row[4 * x + 3] + 127) / 255;
		host_rows(row, (int32_t)y, 1);
	}
}
