package handler

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const orientationTag = 0x0112

// readOrientation finds the EXIF orientation of a JPEG file in its APP1 segment and returns the
// turn that shows it upright. No or unreadable EXIF is no turn. Errors: those of r, and a file
// that is not a row of segments.
func readOrientation(file io.Reader) (turn, error) {
	r := bufio.NewReader(file)
	if _, err := r.Discard(2); err != nil { // SOI
		return turn{}, err
	}
	for {
		marker, err := nextMarker(r)
		if err != nil {
			return turn{}, err
		}
		if marker == 0xda || marker == 0xd9 { // start of scan, end of image
			return turn{}, nil
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd7 { // these stand alone
			continue
		}
		var length [2]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return turn{}, err
		}
		size := int(binary.BigEndian.Uint16(length[:])) - 2
		if size < 0 {
			return turn{}, errors.New("a segment is too short")
		}
		if marker != 0xe1 {
			if _, err := r.Discard(size); err != nil {
				return turn{}, err
			}
			continue
		}
		segment := make([]byte, size)
		if _, err := io.ReadFull(r, segment); err != nil {
			return turn{}, err
		}
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
			return turnOfOrientation(orientationOf(tiff)), nil
		}
	}
}

// nextMarker reads the code of the next marker, over the fill bytes before it.
func nextMarker(r *bufio.Reader) (byte, error) {
	b, err := r.ReadByte()
	if err == nil && b != 0xff {
		err = fmt.Errorf("0x%02x where a marker should be", b)
	}
	for err == nil && b == 0xff {
		b, err = r.ReadByte()
	}
	return b, err
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
