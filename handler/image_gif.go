package handler

import (
	"bufio"
	"errors"
	"image/gif"
	"io"
)

// openGIF reads the header of a GIF.
func (s *source) openGIF(r *pictureReader) error {
	config, err := guard(r, gif.DecodeConfig)
	if err != nil {
		return err
	}
	s.width, s.height = config.Width, config.Height
	if s.frames, err = guard(r, countGIF); err != nil {
		return err
	}
	s.memory = 6 * int64(s.width) * int64(s.height) // the frame, twice when interlaced, and a margin around it
	s.decoder = gif.Decode
	return nil
}

// maxGIFFrames is where the counting of frames ends.
const maxGIFFrames = 100_000

// countGIF counts the frames of a GIF; of a cut one, those that begin.
func countGIF(file io.Reader) (frames int, err error) {
	r := bufio.NewReader(file)
	var screen [13]byte
	if _, err := io.ReadFull(r, screen[:]); err != nil {
		return 0, unexpected(err)
	}
	err = discard(r, tableSize(screen[10]))
	for err == nil && frames < maxGIFFrames {
		var kind byte
		if kind, err = r.ReadByte(); err != nil {
			break
		}
		switch kind {
		case 0x21: // an extension: its label and blocks
			err = errors.Join(discard(r, 1), skipBlocks(r))
		case 0x2c: // a frame: its place, colours, size of codes and blocks
			frames++
			var head [9]byte
			if _, err = io.ReadFull(r, head[:]); err == nil {
				err = errors.Join(discard(r, tableSize(head[8])+1), skipBlocks(r))
			}
		default: // the end
			return max(frames, 1), nil
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return max(frames, 1), err
}

// tableSize is the length of a table of colours by its flags.
func tableSize(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// skipBlocks passes over blocks up to the empty one.
func skipBlocks(r *bufio.Reader) error {
	for {
		size, err := r.ReadByte()
		if err != nil || size == 0 {
			return err
		}
		if err := discard(r, int64(size)); err != nil {
			return err
		}
	}
}
