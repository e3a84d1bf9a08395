package handler

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

const orientationTag = 0x0112

// readOrientation finds the EXIF orientation of a JPEG file in its APP1 segment and returns the
// turn that shows it upright. What cannot be read is no turn: the decoder is the judge of the file.
func readOrientation(file io.Reader) turn {
	r := bufio.NewReader(file)
	_, _ = r.Discard(2) // SOI
	for {
		marker, size, err := nextSegment(r)
		if err != nil {
			return turn{}
		}
		if marker != 0xe1 {
			if _, err := r.Discard(size); err != nil {
				return turn{}
			}
			continue
		}
		segment := make([]byte, size)
		if _, err := io.ReadFull(r, segment); err != nil {
			return turn{}
		}
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
			return turnOfOrientation(orientationOf(tiff))
		}
	}
}

// nextSegment reads the marker and the size of the next segment before the picture itself, at
// whose beginning it returns io.EOF.
func nextSegment(r *bufio.Reader) (marker byte, size int, err error) {
	for marker < 0x02 || marker >= 0xd0 && marker <= 0xd7 { // these have no segment
		if _, err := r.ReadSlice(0xff); err != nil {
			return 0, 0, err
		}
		for marker = 0xff; marker == 0xff && err == nil; {
			marker, err = r.ReadByte()
		}
		if err != nil {
			return 0, 0, err
		}
	}
	if marker == 0xda || marker == 0xd9 { // start of scan, end of image
		return marker, 0, io.EOF
	}
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return marker, 0, err
	}
	size = int(binary.BigEndian.Uint16(length[:])) - 2
	if size < 0 {
		return marker, 0, io.ErrUnexpectedEOF
	}
	return marker, size, nil
}

// orientationOf reads the tag from the first directory of an EXIF block, which is laid out like
// a TIFF file. 0 if it is not there.
func orientationOf(tiff []byte) int {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return 0
	}
	entries := tiff[at+2:]
	for range order.Uint16(tiff[at:]) {
		if len(entries) < 12 {
			return 0
		}
		const short = 3
		if order.Uint16(entries) == orientationTag && order.Uint16(entries[2:]) == short {
			return int(order.Uint16(entries[8:]))
		}
		entries = entries[12:]
	}
	return 0
}
