package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// barTick is the least time between two drawings of a bar.
const barTick = 50 * time.Millisecond

// bar is a progress bar on one line of a terminal. On anything else it draws nothing.
// Safe for concurrent use.
type bar struct {
	w     io.Writer // nil = draw nothing
	width func() int
	paint func(code, text string) string

	mu    sync.Mutex
	drawn time.Time // guarded by mu; zero = nothing is on the line
}

// newBar returns a bar on standard error, so that standard output stays for answers.
func newBar(s *stdio) *bar {
	b := &bar{width: s.width, paint: s.paintErr}
	if s.errTerminal {
		b.w = s.err
	}
	return b
}

// Draw draws the share done, 0 … 1, between a label and a note. Calls that come too
// soon after the last are left out.
func (b *bar) Draw(label string, done float64, note string) {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.drawn) < barTick && done < 1 {
		return
	} else {
		b.drawn = now
	}
	fmt.Fprint(b.w, "\r\x1b[K"+b.line(label, done, note))
}

// Clear takes the bar off the line.
func (b *bar) Clear() {
	if b.w == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.drawn.IsZero() {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.drawn = time.Time{}
	}
}

// line lays the bar out within the width of the terminal; the note is cut first.
func (b *bar) line(label string, done float64, note string) string {
	const cells = 24
	done = min(max(done, 0), 1)
	full := int(done*cells + 0.5)
	room := b.width() - utf8.RuneCountInString(label) - cells - len("   100 %  ") - 1
	if runes := []rune(note); len(runes) > room {
		note = string(runes[:max(room, 0)])
	}
	return fmt.Sprintf("%s  %s%s %3.0f %%  %s", label,
		b.paint("36", strings.Repeat("━", full)), b.paint("2", strings.Repeat("─", cells-full)), done*100, note)
}

// rebuildBar shows how far the views are rebuilt.
type rebuildBar struct{ bar *bar }

func newRebuildBar(s *stdio) *rebuildBar { return &rebuildBar{newBar(s)} }

// Set draws it.
func (r *rebuildBar) Set(done, head int64) {
	if head > 0 {
		r.bar.Draw("rebuilding views", float64(done)/float64(head), fmt.Sprintf("%s of %s events", grouped(done), grouped(head)))
	}
}

// SetIndexing draws how far the indexes are.
func (r *rebuildBar) SetIndexing(done, total int64) {
	if total > 0 {
		r.bar.Draw("indexing views", float64(done)/float64(total), fmt.Sprintf("%s of %s tasks", grouped(done), grouped(total)))
	}
}

// Done takes it away.
func (r *rebuildBar) Done() { r.bar.Clear() }

// grouped writes n with a comma between thousands.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
