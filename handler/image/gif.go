package image

import (
	"bufio"
	"bytes"
	"errors"
	"image"
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
	frames, err := guard(r, readGIFFrames)
	if err != nil {
		return err
	}
	s.frames = frames.count
	// The canvas, and the first frame, twice when it is interlaced.
	s.memory = 4*int64(s.width)*int64(s.height) + 2*max(int64(s.width)*int64(s.height), int64(frames.first.X)*int64(frames.first.Y))
	s.decoder = decodeGIF
	return nil
}

// decodeGIF reads the first frame, also one that goes beyond the canvas, which the decoder
// refuses: it is shown the largest canvas, for which it takes no memory.
func decodeGIF(r io.Reader) (image.Image, error) {
	var screen [10]byte
	if _, err := io.ReadFull(r, screen[:]); err != nil {
		return nil, unexpected(err)
	}
	for i := range screen[6:] {
		screen[6+i] = 0xff
	}
	return gif.Decode(io.MultiReader(bytes.NewReader(screen[:]), r))
}

// maxGIFFrames is where the counting of frames ends.
const maxGIFFrames = 100_000

// gifFrames is what is known of frames that are not decoded.
type gifFrames struct {
	count int
	first image.Point // size of the first
}

// readGIFFrames counts the frames of a GIF; of a cut one, those that begin.
func readGIFFrames(file io.Reader) (frames gifFrames, err error) {
	r := bufio.NewReader(file)
	var screen [13]byte
	if _, err := io.ReadFull(r, screen[:]); err != nil {
		return frames, unexpected(err)
	}
	err = discard(r, tableSize(screen[10]))
	for err == nil && frames.count < maxGIFFrames {
		var kind byte
		if kind, err = r.ReadByte(); err != nil {
			break
		}
		switch kind {
		case 0x21: // an extension: its label and blocks
			err = errors.Join(discard(r, 1), skipBlocks(r))
		case 0x2c: // a frame: its place, colours, size of codes and blocks
			frames.count++
			var head [9]byte
			if _, err = io.ReadFull(r, head[:]); err == nil {
				if frames.count == 1 {
					frames.first = image.Pt(int(head[4])|int(head[5])<<8, int(head[6])|int(head[7])<<8)
				}
				err = errors.Join(discard(r, tableSize(head[8])+1), skipBlocks(r))
			}
		default: // the end
			frames.count = max(frames.count, 1)
			return frames, nil
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	frames.count = max(frames.count, 1)
	return frames, err
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
