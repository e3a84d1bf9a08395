package powercut

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"daybook/internal/sqlite"
)

type kind uint8

const (
	opened    kind = iota // a file was opened, and made or emptied if the flags say so
	written               // bytes at an offset, or at the position of the descriptor
	moved                 // the position of a descriptor
	truncated             // or made longer
	syncBegins
	syncEnds
	renamed
	removed
	madeDir
	linked
	said  // to a pipe or a socket
	ended // the program
	found // what a file holds, though no call that has returned says so
)

type event struct {
	kind     kind
	path, to string // below the folder, "." for itself
	fd       string
	data     []byte
	offset   int64 // -1 = at the position
	size     int64
	make     bool   // opened: O_CREAT
	empty    bool   // opened: O_TRUNC
	synced   bool   // opened: O_SYNC or O_DSYNC, so each write is safe when it returns
	id       string // of a sync: its begin and end have the same
}

// parser makes events of the lines of strace.
type parser struct {
	dir    string
	events []event
	open   map[string]string // by thread: the beginning of a call that has not returned
	syncs  int
	ids    map[string]string // by thread: the sync that has begun
	killed []string          // calls in which the program was killed: the kernel may have done them
}

// unknown says whether the folder may have changed by a call that has not returned.
func (p *parser) unknown() bool {
	for text := range maps.Values(p.open) {
		p.killed = append(p.killed, text)
	}
	return slices.ContainsFunc(p.killed, func(text string) bool {
		name, args, _ := strings.Cut(text, "(")
		fd, path := descriptor(args)
		_, ours := p.below(path)
		switch name {
		case "fsync", "fdatasync", "lseek":
			return false
		case "write", "writev":
			return ours && fd != "1" && fd != "2"
		}
		return true
	})
}

// brokenOff takes in the beginning of a line after which the trace ends: the program was killed in the call.
func (p *parser) brokenOff(line string) {
	if _, rest, ok := strings.Cut(line, " "); ok {
		p.killed = append(p.killed, strings.TrimLeft(rest, " "))
	}
}

// line parses one line: "PID call(arguments) = result", or a half of that.
func (p *parser) line(line string) error {
	if p.open == nil {
		p.open, p.ids = map[string]string{}, map[string]string{}
	}
	pid, rest, ok := strings.Cut(line, " ")
	rest = strings.TrimLeft(rest, " ")
	if !ok || strings.HasPrefix(rest, "+++") || strings.HasPrefix(rest, "---") {
		return nil
	}
	if begin, unfinished := strings.CutSuffix(rest, " <unfinished ...>"); unfinished {
		p.open[pid] = begin
		p.begin(pid, begin)
		return nil
	}
	if strings.HasPrefix(rest, "<... ") {
		_, end, ok := strings.Cut(rest, " resumed>")
		if !ok {
			return fmt.Errorf("line %.200q of the trace cannot be read", line)
		}
		rest = p.open[pid] + end
		delete(p.open, pid)
		return p.end(pid, rest)
	}
	p.begin(pid, rest)
	return p.end(pid, rest)
}

// begin records what counts from the start of a call: what is said, and which writes a sync
// is about.
func (p *parser) begin(pid, text string) {
	name, args, _ := strings.Cut(text, "(")
	switch name {
	case "fsync", "fdatasync":
		fd, path := descriptor(args)
		if path, ok := p.below(path); ok {
			p.syncs++
			p.ids[pid] = strconv.Itoa(p.syncs)
			p.events = append(p.events, event{kind: syncBegins, fd: fd, path: path, id: p.ids[pid]})
		}
	case "write", "writev":
		if fd, path := descriptor(args); !strings.HasPrefix(path, "/") || fd == "1" || fd == "2" {
			p.events = append(p.events, event{kind: said, data: []byte(strings.Join(quoted(args), ""))})
		}
	}
}

// end records what a call has done.
func (p *parser) end(pid, text string) error {
	name, args, _ := strings.Cut(text, "(")
	at := strings.LastIndex(args, "= ")
	// An error without a name is what the registers of a killed program happen to hold.
	if at < 0 || strings.HasPrefix(args[at:], "= ?") || strings.HasPrefix(args[at:], "= -1 (errno ") {
		p.killed = append(p.killed, text)
		return nil
	}
	result := args[at+2:]
	args = strings.TrimSuffix(strings.TrimRight(args[:at], " "), ")")
	if strings.HasPrefix(result, "-1 ") {
		return nil
	}
	c := call{name: name, args: args, result: result, texts: quoted(args)}
	var path string
	c.fd, path = descriptor(args)
	c.path, c.ours = p.below(path)
	return p.returned(pid, &c)
}

// call is one that has returned, without an error.
type call struct {
	name, args, result string
	texts              []string // the strings among the arguments
	fd, path           string   // of the first argument, if it is a descriptor
	ours               bool     // path lies in the folder
}

// returned records what the call has done.
func (p *parser) returned(pid string, c *call) error {
	switch c.name {
	case "openat", "open", "creat":
		p.opened(c)
	case "write", "pwrite64":
		return p.wrote(c)
	case "lseek":
		if n, err := strconv.ParseInt(c.result, 10, 64); c.ours && err == nil {
			p.add(event{kind: moved, fd: c.fd, path: c.path, offset: n})
		}
	case "ftruncate":
		if c.ours {
			n, err := last(c.args)
			p.add(event{kind: truncated, fd: c.fd, path: c.path, size: n})
			return err
		}
	case "fsync", "fdatasync":
		if c.ours {
			p.add(event{kind: syncEnds, path: c.path, id: p.ids[pid]})
		}
	case "rename", "renameat", "renameat2":
		return p.twoNames(renamed, c)
	case "link", "linkat":
		return p.twoNames(linked, c)
	case "unlink", "unlinkat", "rmdir":
		p.oneName(removed, c)
	case "mkdir", "mkdirat":
		p.oneName(madeDir, c)
	case "dup", "dup2", "dup3", "sendfile", "sync_file_range":
		// Neither writes a file; a sync of a range makes nothing safe.
	default:
		return p.notKnown(c)
	}
	return nil
}

func (p *parser) add(e event) { p.events = append(p.events, e) }

func (p *parser) opened(c *call) {
	fd, path := descriptor(c.result)
	if path, ok := p.below(path); ok && !strings.Contains(c.args, "O_DIRECTORY") {
		creat := c.name == "creat"
		p.add(event{kind: opened, fd: fd, path: path, make: creat || strings.Contains(c.args, "O_CREAT"), empty: creat || strings.Contains(c.args, "O_TRUNC"),
			synced: strings.Contains(c.args, "O_SYNC") || strings.Contains(c.args, "O_DSYNC")})
	}
}

func (p *parser) wrote(c *call) error {
	if !c.ours || c.fd == "1" || c.fd == "2" {
		return nil
	}
	n, err := strconv.Atoi(c.result)
	if err != nil || len(c.texts) != 1 || n > len(c.texts[0]) {
		_, args, _ := strings.Cut(c.args, ", ") // without the descriptor
		return fmt.Errorf("a write to %s cannot be read: %d texts in %.100s = %s", c.path, len(c.texts), args, c.result)
	}
	e := event{kind: written, fd: c.fd, path: c.path, data: []byte(c.texts[0][:n]), offset: -1}
	if c.name == "pwrite64" {
		if e.offset, err = last(c.args); err != nil {
			return err
		}
	}
	p.add(e)
	return nil
}

func (p *parser) oneName(k kind, c *call) {
	if path, ok := p.below(onePath(c.args, c.texts)); ok {
		p.add(event{kind: k, path: path})
	}
}

func (p *parser) twoNames(k kind, c *call) error {
	from, to, err := p.twoPaths(c.args, c.texts)
	if err == nil && from != "" {
		p.add(event{kind: k, path: from, to: to})
	}
	return err
}

// notKnown refuses a call that may have changed the folder. What lies in a folder of
// sqlite.LinkBeside counts for nothing: it is a copy that is looked at.
func (p *parser) notKnown(c *call) error {
	path, ours := c.path, c.ours
	if parts := strings.Split(c.args, ", "); c.name == "copy_file_range" && len(parts) > 2 {
		_, path = descriptor(parts[2])
		path, ours = p.below(path)
	}
	if ours && !strings.Contains(path, sqlite.LinkPrefix) {
		return fmt.Errorf("%s of %s: the recorder does not know that call", c.name, path)
	}
	return nil
}

// below returns the path within the folder, unless it lies elsewhere or is an index in shared
// memory, which no start relies on.
func (p *parser) below(path string) (string, bool) {
	path = strings.TrimSuffix(path, " (deleted)")
	rel, err := filepath.Rel(p.dir, path)
	if err != nil || !strings.HasPrefix(path, "/") || rel == ".." || strings.HasPrefix(rel, "../") || strings.HasSuffix(rel, "-shm") {
		return "", false
	}
	return rel, true
}

// descriptor reads `7</path>` at the beginning of a text.
func descriptor(text string) (fd, path string) {
	at := strings.IndexByte(text, '<')
	if at < 0 || strings.ContainsAny(text[:at], ",\" ") {
		return "", ""
	}
	path, _, _ = strings.Cut(text[at+1:], ">")
	return text[:at], unescape(path)
}

// onePath is the path that a call is about: its string, from the folder of its descriptor.
func onePath(args string, texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	if _, dir := descriptor(args); dir != "" && !filepath.IsAbs(texts[0]) {
		return filepath.Join(dir, texts[0])
	}
	return texts[0]
}

// twoPaths are those of a call that has two; from is "" when neither lies in the folder.
func (p *parser) twoPaths(args string, texts []string) (from, to string, err error) {
	if len(texts) != 2 {
		return "", "", fmt.Errorf("two paths in %.200q cannot be read", args)
	}
	second := args[strings.Index(args, ", ")+2:]
	if at := strings.Index(second, ", "); at >= 0 && strings.Contains(second[at:], "<") {
		second = second[at+2:]
	}
	from, ok := p.below(onePath(args, texts[:1]))
	to, ok2 := p.below(onePath(second, texts[1:]))
	if ok != ok2 {
		return "", "", fmt.Errorf("%q and %q do not both lie in the folder", texts[0], texts[1])
	}
	return from, to, nil
}

// last is the last argument, a number.
func last(args string) (int64, error) {
	return strconv.ParseInt(strings.TrimSpace(args[strings.LastIndexByte(args, ',')+1:]), 10, 64)
}

// quoted returns the strings among the arguments. They hold no quotes, for each byte is in hex.
func quoted(args string) []string {
	var texts []string
	parts := strings.Split(args, `"`)
	for i := 1; i < len(parts); i += 2 {
		texts = append(texts, unescape(parts[i]))
	}
	return texts
}

// unescape reads \x41.
func unescape(text string) string {
	if !strings.HasPrefix(text, `\x`) {
		return text
	}
	b := make([]byte, 0, len(text)/4)
	for ; len(text) >= 4 && text[:2] == `\x`; text = text[4:] {
		b = append(b, digit(text[2])<<4|digit(text[3]))
	}
	return string(append(b, text...))
}

func digit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
