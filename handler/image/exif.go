package image

import "encoding/binary"

const orientationTag = 0x0112

// orientationOf reads the tag from the first directory of an EXIF block, which is laid out like
// a TIFF file. 0 if it is not there or cannot be read: the decoder is the judge of the file.
func orientationOf(exif []byte) int {
	if len(exif) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(exif[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(exif[4:]))
	if at+2 > int64(len(exif)) {
		return 0
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < 12 {
			return 0
		}
		if order.Uint16(entries) == orientationTag {
			return wholeNumber(order, entries)
		}
		entries = entries[12:]
	}
	return 0
}

// wholeNumber is the value of an entry that holds one whole number, of whatever size; else 0.
func wholeNumber(order binary.ByteOrder, entry []byte) int {
	switch value := entry[8:12]; order.Uint16(entry[2:]) {
	case 1: // BYTE
		return int(value[0])
	case 3: // SHORT
		return int(order.Uint16(value))
	case 4: // LONG
		return int(order.Uint32(value))
	}
	return 0
}
