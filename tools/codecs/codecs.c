// JPEG, TIFF and WebP by libjpeg-turbo, libtiff and libwebp, and colour profiles by Little CMS.
// One instance reads one picture: open, then decode; or it converts pixels: profile, then convert.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "jpeglib.h"
#include "lcms2.h"
#include "tiffio.h"
#include "webp/decode.h"
#include "webp/demux.h"

struct picture picture;

EXPORT("alloc") void *alloc(uint32_t size) { return malloc(size); }
EXPORT("about") struct picture *about(void) { return &picture; }

_Noreturn void fail(const char *text) {
	host_fail(text, (int32_t)strlen(text));
	__builtin_trap();
}

static void *need(size_t size) {
	void *p = malloc(size);
	if (p == NULL) fail("out of memory");
	return p;
}

// Rows are handed over some at a time.
enum { ROWS_BYTES = 1 << 16 };
static uint32_t rows_at_once(uint32_t width) {
	uint32_t n = ROWS_BYTES / (4 * width + 1);
	return n > 0 ? n : 1;
}

// Colours.

static cmsHTRANSFORM colours;
static int grey_profile;
static cmsUInt32Number precision; // cmsFLAGS_NOOPTIMIZE: exact, and ten times as slow

static cmsHPROFILE srgb(void) {
	cmsHPROFILE p = cmsCreate_sRGBProfile();
	if (p == NULL) fail("out of memory");
	return p;
}

static cmsHTRANSFORM transform(cmsHPROFILE from, cmsUInt32Number format, cmsUInt32Number to) {
	cmsHPROFILE out = srgb();
	cmsHTRANSFORM t = cmsCreateTransform(from, format, out, to, INTENT_RELATIVE_COLORIMETRIC,
		cmsFLAGS_BLACKPOINTCOMPENSATION | precision);
	cmsCloseProfile(out);
	return t;
}

// is_srgb is 1 if no colour of a grid moves by more than one step.
static int is_srgb(void) {
	for (int r = 0; r < 256; r += 15)
		for (int g = 0; g < 256; g += 15)
			for (int b = 0; b < 256; b += 15) {
				uint8_t in[4] = {r, g, b, 255}, out[4] = {0};
				cmsDoTransform(colours, in, out, 1);
				for (int c = 0; c < 3; c++)
					if (abs(in[c] - out[c]) > 1) return 0;
			}
	return 1;
}

// use makes a profile that of convert: 0 = it cannot be used, 1 = nothing to convert, 2 = convert.
static int use(cmsHPROFILE p) {
	if (p == NULL) return 0;
	switch (cmsGetColorSpace(p)) {
	case cmsSigRgbData:
		colours = transform(p, TYPE_RGBA_8, TYPE_RGBA_8);
		break;
	case cmsSigGrayData:
		grey_profile = 1;
		colours = transform(p, TYPE_GRAY_8, TYPE_RGBA_8);
		break;
	default:
		break;
	}
	cmsCloseProfile(p);
	if (colours == NULL) return 0;
	return !grey_profile && is_srgb() ? 1 : 2;
}

// profile reads an ICC profile.
EXPORT("profile") int profile(const void *data, uint32_t size, int exact) {
	precision = exact ? cmsFLAGS_NOOPTIMIZE : 0;
	return use(cmsOpenProfileFromMem(data, size));
}

// cicp makes a profile of the code points of ITU-T H.273.
EXPORT("cicp") int cicp(uint32_t primaries, uint32_t transfer, int exact) {
	precision = exact ? cmsFLAGS_NOOPTIMIZE : 0;
	cmsCIExyY white = {0.3127, 0.3290, 1};
	cmsCIExyYTRIPLE p;
	switch (primaries) {
	case 1: p = (cmsCIExyYTRIPLE){{0.64, 0.33, 1}, {0.30, 0.60, 1}, {0.15, 0.06, 1}}; break;
	case 4: p = (cmsCIExyYTRIPLE){{0.67, 0.33, 1}, {0.21, 0.71, 1}, {0.14, 0.08, 1}};
		white = (cmsCIExyY){0.310, 0.316, 1}; break;
	case 5: p = (cmsCIExyYTRIPLE){{0.64, 0.33, 1}, {0.29, 0.60, 1}, {0.15, 0.06, 1}}; break;
	case 6: case 7: p = (cmsCIExyYTRIPLE){{0.630, 0.340, 1}, {0.310, 0.595, 1}, {0.155, 0.070, 1}}; break;
	case 9: p = (cmsCIExyYTRIPLE){{0.708, 0.292, 1}, {0.170, 0.797, 1}, {0.131, 0.046, 1}}; break;
	case 11: p = (cmsCIExyYTRIPLE){{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
		white = (cmsCIExyY){0.314, 0.351, 1}; break;
	case 12: p = (cmsCIExyYTRIPLE){{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}}; break;
	default: return 0;
	}
	cmsFloat64Number s[5] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
	cmsToneCurve *curve;
	switch (transfer) {
	case 4: curve = cmsBuildGamma(NULL, 2.2); break;
	case 5: curve = cmsBuildGamma(NULL, 2.8); break;
	case 8: curve = cmsBuildGamma(NULL, 1.0); break;
	case 1: case 2: case 6: case 13: case 14: case 15: // shown as sRGB everywhere
		curve = cmsBuildParametricToneCurve(NULL, 4, s); break;
	default: return 0;
	}
	cmsToneCurve *three[3] = {curve, curve, curve};
	return use(cmsCreateRGBProfile(&white, &p, three));
}

// convert brings premultiplied RGBA pixels to sRGB, in place.
EXPORT("convert") void convert(uint8_t *pixels, uint32_t count) {
	for (uint8_t *p = pixels; count > 0; p += 4, count--) {
		uint32_t a = p[3];
		if (a == 0) continue;
		uint32_t run = 1;
		if (a == 255) {
			while (run < count && p[4 * run + 3] == 255) run++;
		} else {
			for (int c = 0; c < 3; c++) {
				uint32_t v = (p[c] * 255 + a / 2) / a;
				p[c] = v > 255 ? 255 : v;
			}
		}
		if (grey_profile) {
			for (uint32_t i = 0; i < run; i++) cmsDoTransform(colours, p + 4 * i, p + 4 * i, 1);
		} else {
			cmsDoTransform(colours, p, p, run);
		}
		for (uint32_t i = 0; i < run; i++) p[4 * i + 3] = a;
		if (a < 255)
			for (int c = 0; c < 3; c++) p[c] = (p[c] * a + 127) / 255;
		p += 4 * (run - 1);
		count -= run - 1;
	}
}

// cmyk_colours is the transform of a CMYK profile, NULL without one. inverted: 255 is no ink.
static cmsHTRANSFORM cmyk_colours(const void *data, uint32_t size, int inverted) {
	if (data == NULL || size == 0) return NULL;
	cmsHPROFILE p = cmsOpenProfileFromMem(data, size);
	if (p == NULL) return NULL;
	cmsHTRANSFORM t = NULL;
	if (cmsGetColorSpace(p) == cmsSigCmykData)
		t = transform(p, inverted ? TYPE_CMYK_8_REV : TYPE_CMYK_8, TYPE_RGBA_8);
	cmsCloseProfile(p);
	return t;
}

// cmyk_row makes RGBA of CMYK, by the profile or as inks that only darken.
static void cmyk_row(cmsHTRANSFORM t, const uint8_t *in, uint8_t *out, uint32_t width, int inverted) {
	if (t != NULL) cmsDoTransform(t, in, out, width);
	for (uint32_t x = 0; x < width; x++, in += 4, out += 4) {
		for (int c = 0; t == NULL && c < 3; c++) {
			uint32_t light = inverted ? in[c] : 255 - in[c], black = inverted ? in[3] : 255 - in[3];
			out[c] = (light * black + 127) / 255;
		}
		out[3] = 255;
	}
}

// JPEG.

static struct jpeg_decompress_struct jpeg;
static struct jpeg_error_mgr jpeg_errors;
static struct jpeg_progress_mgr jpeg_progress;
static struct {
	struct jpeg_source_mgr pub;
	int64_t offset;
	uint8_t buffer[1 << 16];
} jpeg_file;

static void jpeg_fail(j_common_ptr c) {
	char text[JMSG_LENGTH_MAX];
	c->err->format_message(c, text);
	fail(text);
}

// jpeg_warning ends a picture that is cut or damaged; what is only odd is passed over.
static void jpeg_warning(j_common_ptr c, int level) {
	if (level >= 0) return;
	char text[JMSG_LENGTH_MAX];
	c->err->format_message(c, text);
	if (strstr(text, "Premature end") || strstr(text, "Corrupt JPEG data: bad Huffman") ||
		strstr(text, "Corrupt JPEG data: bad arithmetic"))
		fail(text);
}

static void jpeg_nothing(j_decompress_ptr c) { (void)c; }

static boolean jpeg_fill(j_decompress_ptr c) {
	int32_t n = host_read(jpeg_file.offset, jpeg_file.buffer, sizeof jpeg_file.buffer);
	if (n <= 0) fail("Premature end of JPEG file");
	jpeg_file.offset += n;
	c->src->next_input_byte = jpeg_file.buffer;
	c->src->bytes_in_buffer = n;
	return TRUE;
}

static void jpeg_skip(j_decompress_ptr c, long n) {
	if (n <= 0) return;
	if ((size_t)n <= c->src->bytes_in_buffer) {
		c->src->next_input_byte += n;
		c->src->bytes_in_buffer -= n;
		return;
	}
	jpeg_file.offset += n - (long)c->src->bytes_in_buffer;
	c->src->bytes_in_buffer = 0;
}

enum { MOST_SCANS = 500 };

static void jpeg_watch(j_common_ptr c) {
	if (((j_decompress_ptr)c)->input_scan_number > MOST_SCANS) fail("more than 500 scans");
}

EXPORT("open_jpeg") void open_jpeg(void) {
	jpeg.err = jpeg_std_error(&jpeg_errors);
	jpeg_errors.error_exit = jpeg_fail;
	jpeg_errors.emit_message = jpeg_warning;
	jpeg_create_decompress(&jpeg);
	jpeg_progress.progress_monitor = jpeg_watch;
	jpeg.progress = &jpeg_progress;
	jpeg.src = &jpeg_file.pub;
	jpeg.src->init_source = jpeg_nothing;
	jpeg.src->fill_input_buffer = jpeg_fill;
	jpeg.src->skip_input_data = jpeg_skip;
	jpeg.src->resync_to_restart = jpeg_resync_to_restart;
	jpeg.src->term_source = jpeg_nothing;
	jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
	jpeg_save_markers(&jpeg, JPEG_APP0 + 2, 0xffff);
	jpeg_read_header(&jpeg, TRUE);
	picture.width = jpeg.image_width;
	picture.height = jpeg.image_height;
	picture.frames = 1;
	for (jpeg_saved_marker_ptr m = jpeg.marker_list; m != NULL; m = m->next)
		if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 && memcmp(m->data, "Exif\0\0", 6) == 0 && picture.exif == 0) {
			picture.exif = (uint32_t)(uintptr_t)(m->data + 6);
			picture.exif_size = m->data_length - 6;
		}
	JOCTET *icc = NULL;
	unsigned size = 0;
	if (jpeg_read_icc_profile(&jpeg, &icc, &size)) {
		picture.profile = (uint32_t)(uintptr_t)icc;
		picture.profile_size = size;
	}
	picture.cmyk = jpeg.jpeg_color_space == JCS_CMYK || jpeg.jpeg_color_space == JCS_YCCK;
	uint64_t bytes = 200 * (uint64_t)jpeg.image_width * jpeg.num_components;
	if (jpeg_has_multiple_scans(&jpeg)) { // all coefficients are kept, of two bytes
		uint32_t mcu_w = 8 * jpeg.max_h_samp_factor, mcu_h = 8 * jpeg.max_v_samp_factor;
		uint64_t wide = (jpeg.image_width + mcu_w - 1) / mcu_w, high = (jpeg.image_height + mcu_h - 1) / mcu_h;
		for (int i = 0; i < jpeg.num_components; i++)
			bytes += 128 * wide * high * jpeg.comp_info[i].h_samp_factor * jpeg.comp_info[i].v_samp_factor;
	}
	picture.need = (uint32_t)(bytes >> 10);
}

// decode_jpeg hands over the rows of the picture at 1/shrink of its size, shrink = 1, 2, 4 or 8.
EXPORT("decode_jpeg") void decode_jpeg(uint32_t shrink) {
	jpeg.scale_num = 1;
	jpeg.scale_denom = shrink;
	jpeg.dct_method = JDCT_ISLOW;
	jpeg.out_color_space = picture.cmyk ? JCS_CMYK : JCS_EXT_RGBA;
	jpeg_start_decompress(&jpeg);
	uint32_t width = jpeg.output_width, some = rows_at_once(width), have = 0, y = 0;
	uint8_t *rows = need((size_t)4 * width * some), *inks = picture.cmyk ? need((size_t)4 * width) : NULL;
	int inverted = jpeg.saw_Adobe_marker;
	cmsHTRANSFORM t = inks == NULL ? NULL : cmyk_colours((void *)(uintptr_t)picture.profile, picture.profile_size, inverted);
	while (jpeg.output_scanline < jpeg.output_height) {
		uint8_t *row = rows + (size_t)4 * width * have;
		JSAMPROW into = inks == NULL ? row : inks;
		if (jpeg_read_scanlines(&jpeg, &into, 1) == 0) fail("no more rows");
		if (inks != NULL) cmyk_row(t, inks, row, width, inverted);
		if (++have == some || jpeg.output_scanline == jpeg.output_height) {
			host_rows(rows, y, have);
			y += have;
			have = 0;
		}
	}
}

// TIFF.

static TIFF *tiff;
static int64_t tiff_size, tiff_at;

static tmsize_t tiff_read(thandle_t h, void *to, tmsize_t size) {
	(void)h;
	tmsize_t sum = 0;
	while (sum < size) {
		int32_t n = host_read(tiff_at, (char *)to + sum, (int32_t)(size - sum));
		if (n <= 0) break;
		tiff_at += n;
		sum += n;
	}
	return sum;
}
static tmsize_t tiff_write(thandle_t h, void *from, tmsize_t size) { (void)h, (void)from, (void)size; return -1; }
static toff_t tiff_seek(thandle_t h, toff_t offset, int whence) {
	(void)h;
	tiff_at = whence == SEEK_SET ? (int64_t)offset : whence == SEEK_CUR ? tiff_at + (int64_t)offset : tiff_size + (int64_t)offset;
	return (toff_t)tiff_at;
}
static int tiff_close(thandle_t h) { (void)h; return 0; }
static toff_t tiff_length(thandle_t h) { (void)h; return (toff_t)tiff_size; }

// What tif_unix.c would define.
void *_TIFFmalloc(tmsize_t n) { return n > 0 ? malloc((size_t)n) : NULL; }
void *_TIFFcalloc(tmsize_t n, tmsize_t size) { return n > 0 && size > 0 ? calloc((size_t)n, (size_t)size) : NULL; }
void _TIFFfree(void *p) { free(p); }
void *_TIFFrealloc(void *p, tmsize_t n) { return realloc(p, (size_t)n); }
void _TIFFmemset(void *p, int v, tmsize_t n) { memset(p, v, (size_t)n); }
void _TIFFmemcpy(void *d, const void *s, tmsize_t n) { memcpy(d, s, (size_t)n); }
int _TIFFmemcmp(const void *a, const void *b, tmsize_t n) { return memcmp(a, b, (size_t)n); }

static char tiff_error[400];
static void tiff_say(const char *module, const char *format, va_list args) {
	(void)module;
	if (tiff_error[0] == 0) vsnprintf(tiff_error, sizeof tiff_error, format, args);
}
TIFFErrorHandler _TIFFerrorHandler = tiff_say;
TIFFErrorHandler _TIFFwarningHandler = NULL;

static uint16_t tiff_short(uint32_t tag) {
	uint16_t v = 0;
	return TIFFGetFieldDefaulted(tiff, tag, &v) ? v : 0;
}

// tiff_part is how many rows are decoded at once: those of a strip or of a row of tiles.
static uint32_t tiff_part(void) {
	uint32_t n = 0;
	if (TIFFIsTiled(tiff)) TIFFGetField(tiff, TIFFTAG_TILELENGTH, &n);
	else TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &n);
	return n == 0 || n > picture.height ? picture.height : n;
}

EXPORT("open_tiff") void open_tiff(int64_t size) {
	tiff_size = size;
	tiff = TIFFClientOpen("picture", "rm", NULL, tiff_read, tiff_write, tiff_seek, tiff_close, tiff_length, NULL, NULL);
	if (tiff == NULL) fail(tiff_error[0] ? tiff_error : "no TIFF directory");
	if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &picture.width) || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &picture.height))
		fail("it does not say its size");
	picture.orientation = tiff_short(TIFFTAG_ORIENTATION);
	uint32_t n = 0;
	void *icc = NULL;
	if (TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &n, &icc)) {
		picture.profile = (uint32_t)(uintptr_t)icc;
		picture.profile_size = n;
	}
	picture.cmyk = tiff_short(TIFFTAG_PHOTOMETRIC) == PHOTOMETRIC_SEPARATED;
	uint64_t samples = tiff_short(TIFFTAG_SAMPLESPERPIXEL), bits = tiff_short(TIFFTAG_BITSPERSAMPLE);
	uint64_t pixel = 4 + (samples * bits + 7) / 8 * 2 + 4;
	uint64_t bytes = pixel * tiff_part() * (picture.width + 512);
	uint64_t raw = 0; // the longest strip or tile as it is in the file
	uint32_t strips = TIFFIsTiled(tiff) ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
	for (uint32_t i = 0; i < strips && i < 1 << 20; i++) {
		uint64_t length = TIFFGetStrileByteCount(tiff, i);
		if (length > raw) raw = length;
	}
	if (raw > (uint64_t)size) raw = (uint64_t)size;
	picture.need = (uint32_t)((bytes + 2 * raw + 32 * (uint64_t)strips) >> 10);
	picture.frames = TIFFNumberOfDirectories(tiff);
	tiff_error[0] = 0;
}

// tiff_inks decodes CMYK by its profile, or of 16 bits: libtiff itself would look at neither.
static int tiff_inks(void) {
	uint32_t bits = tiff_short(TIFFTAG_BITSPERSAMPLE), samples = tiff_short(TIFFTAG_SAMPLESPERPIXEL);
	if (!picture.cmyk || TIFFIsTiled(tiff) || samples < 4 || tiff_short(TIFFTAG_PLANARCONFIG) != PLANARCONFIG_CONTIG ||
		!(bits == 16 || bits == 8 && picture.profile_size > 0))
		return 0;
	cmsHTRANSFORM t = cmyk_colours((void *)(uintptr_t)picture.profile, picture.profile_size, 0);
	if (t == NULL && bits == 8) return 0;
	uint8_t *line = need((size_t)TIFFScanlineSize(tiff)), *inks = need((size_t)4 * picture.width), *row = need((size_t)4 * picture.width);
	for (uint32_t y = 0; y < picture.height; y++) {
		if (TIFFReadScanline(tiff, line, y, 0) < 0) fail(tiff_error[0] ? tiff_error : "a strip cannot be read");
		for (uint32_t x = 0; x < picture.width; x++)
			for (int c = 0; c < 4; c++) inks[4 * x + c] = bits == 8 ? line[samples * x + c] : ((uint16_t *)line)[samples * x + c] >> 8;
		cmyk_row(t, inks, row, picture.width, 0);
		host_rows(row, y, 1);
	}
	return 1;
}

EXPORT("decode_tiff") void decode_tiff(void) {
	if (tiff_inks()) return;
	char why[1024] = "";
	TIFFRGBAImage image;
	if (!TIFFRGBAImageOK(tiff, why) || !TIFFRGBAImageBegin(&image, tiff, 1, why)) fail(why[0] ? why : tiff_error);
	image.orientation = image.req_orientation = ORIENTATION_TOPLEFT; // as stored
	uint32_t part = tiff_part();
	uint32_t *rows = need((size_t)4 * picture.width * part);
	for (uint32_t y = 0; y < picture.height; y += part) {
		uint32_t n = picture.height - y < part ? picture.height - y : part;
		memset(rows, 0, (size_t)4 * picture.width * n);
		image.row_offset = (int)y;
		image.col_offset = 0;
		if (!TIFFRGBAImageGet(&image, rows, picture.width, n)) fail(tiff_error[0] ? tiff_error : "a strip cannot be read");
		host_rows(rows, y, n);
	}
}

// WebP.

static WebPData webp;

static void webp_chunk(WebPDemuxer *d, const char *name, uint32_t *at, uint32_t *size) {
	WebPChunkIterator chunk;
	if (WebPDemuxGetChunk(d, name, 1, &chunk)) {
		*at = (uint32_t)(uintptr_t)chunk.chunk.bytes;
		*size = chunk.chunk.size;
		WebPDemuxReleaseChunkIterator(&chunk);
	}
}

EXPORT("open_webp") void open_webp(uint32_t size) {
	uint8_t *data = need(size);
	for (uint32_t at = 0; at < size;) {
		int32_t n = host_read(at, data + at, size - at);
		if (n <= 0) fail("unexpected end of the file");
		at += n;
	}
	webp = (WebPData){data, size};
	WebPDemuxer *d = WebPDemux(&webp);
	if (d == NULL) fail("it is cut or damaged");
	picture.width = WebPDemuxGetI(d, WEBP_FF_CANVAS_WIDTH);
	picture.height = WebPDemuxGetI(d, WEBP_FF_CANVAS_HEIGHT);
	picture.frames = WebPDemuxGetI(d, WEBP_FF_FRAME_COUNT);
	webp_chunk(d, "ICCP", &picture.profile, &picture.profile_size);
	webp_chunk(d, "EXIF", &picture.exif, &picture.exif_size);
	if (picture.exif_size > 6 && memcmp((void *)(uintptr_t)picture.exif, "Exif\0\0", 6) == 0) {
		picture.exif += 6;
		picture.exif_size -= 6;
	}
	uint64_t pixels = (uint64_t)picture.width * picture.height;
	picture.need = (uint32_t)(((picture.frames > 1 ? 16 : 9) * pixels + 4000 * (uint64_t)picture.width) >> 10);
}

EXPORT("decode_webp") void decode_webp(void) {
	if (picture.frames > 1) {
		WebPAnimDecoderOptions options;
		if (!WebPAnimDecoderOptionsInit(&options)) fail("the wrong library");
		options.color_mode = MODE_rgbA;
		WebPAnimDecoder *d = WebPAnimDecoderNew(&webp, &options);
		uint8_t *rows = NULL;
		int when;
		if (d == NULL || !WebPAnimDecoderGetNext(d, &rows, &when)) fail("its first frame is cut or damaged");
		host_rows(rows, 0, (int32_t)picture.height);
		return;
	}
	WebPDecoderConfig config;
	if (!WebPInitDecoderConfig(&config)) fail("the wrong library");
	config.output.colorspace = MODE_rgbA;
	switch (WebPDecode(webp.bytes, webp.size, &config)) {
	case VP8_STATUS_OK: break;
	case VP8_STATUS_OUT_OF_MEMORY: fail("out of memory");
	case VP8_STATUS_UNSUPPORTED_FEATURE: fail("it has a feature that libwebp does not know");
	default: fail("it is cut or damaged");
	}
	struct WebPRGBABuffer *b = &config.output.u.RGBA;
	for (uint32_t y = 0; y < picture.height; y++) host_rows(b->rgba + (size_t)b->stride * y, (int32_t)y, 1);
}
