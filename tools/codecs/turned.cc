// Whether a HEIC or AVIF says itself how it is turned. libheif applies that, and does not tell.
#include "heif_file.h"

extern "C" int turned(const struct heif_reader *reader) {
	heif::HeifFile file;
	if (file.read(std::make_shared<heif::StreamReader_CApi>(reader, nullptr))) return 0;
	std::vector<heif::Box_ipco::Property> list;
	if (file.get_properties(file.get_primary_image_ID(), list)) return 0;
	for (const auto &p : list)
		if (p.property->get_short_type() == fourcc("irot") || p.property->get_short_type() == fourcc("imir")) return 1;
	return 0;
}
