package powercut

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hex is text as strace writes it with -xx.
func hex(text string) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i := range len(text) {
		b.WriteString(`\x`)
		b.WriteByte(digits[text[i]>>4])
		b.WriteByte(digits[text[i]&15])
	}
	return b.String()
}

// in makes a trace of lines in which every text between angle brackets or quotes is plain.
func in(line string) string {
	for _, c := range []struct{ open, close string }{{`"`, `"`}, {"</", ">"}} {
		var b strings.Builder
		for rest := line; ; {
			before, after, ok := strings.Cut(rest, c.open)
			b.WriteString(before)
			if !ok {
				break
			}
			text, left, _ := strings.Cut(after, c.close)
			if c.open == "</" {
				b.WriteString("<" + hex("/"+text) + ">")
			} else {
				b.WriteString(`"` + hex(text) + `"`)
			}
			rest = left
		}
		line = b.String()
	}
	return line
}

func parsed(t *testing.T, lines ...string) []event {
	t.Helper()
	p := parser{dir: "/data"}
	for _, line := range lines {
		if err := p.line(in(line)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	return p.events
}

func TestCallsAreRead(t *testing.T) {
	for line, want := range map[string][]event{
		`1 openat(AT_FDCWD</>, "/data/a", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 7</data/a>`: {{kind: opened, fd: "7", path: "a", make: true}},
		`1 openat(AT_FDCWD</>, "/data/a", O_WRONLY|O_TRUNC) = 7</data/a>`:               {{kind: opened, fd: "7", path: "a", empty: true}},
		`1 openat(AT_FDCWD</>, "/data/a", O_WRONLY|O_SYNC) = 7</data/a>`:                {{kind: opened, fd: "7", path: "a", synced: true}},
		`1 creat("/data/a", 0600) = 7</data/a>`:                                         {{kind: opened, fd: "7", path: "a", make: true, empty: true}},
		`1 openat(AT_FDCWD</>, "/data", O_RDONLY|O_DIRECTORY) = 7</data>`:               nil,
		`1 openat(AT_FDCWD</>, "/data/a", O_RDONLY) = -1 ENOENT (No such file)`:         nil,
		`1 write(7</data/a>, "hello", 5) = 3`:                                           {{kind: written, fd: "7", path: "a", data: []byte("hel"), offset: -1}},
		`1 pwrite64(7</data/a>, "hello", 5, 4096) = 5`:                                  {{kind: written, fd: "7", path: "a", data: []byte("hello"), offset: 4096}},
		`1 pwrite64(7</elsewhere/a>, "hello", 5, 4096) = 5`:                             nil,
		`1 pwrite64(7</data/a-shm>, "hello", 5, 4096) = 5`:                              nil,
		`1 write(1</data/out>, "said", 4) = 4`:                                          {{kind: said, data: []byte("said")}},
		`1 write(9<socket:[5]>, "said", 4) = 4`:                                         {{kind: said, data: []byte("said")}},
		`1 lseek(7</data/a>, 10, SEEK_SET) = 10`:                                        {{kind: moved, fd: "7", path: "a", offset: 10}},
		`1 ftruncate(7</data/a>, 100) = 0`:                                              {{kind: truncated, fd: "7", path: "a", size: 100}},
		`1 fdatasync(7</data/a>) = 0`:                                                   {{kind: syncBegins, fd: "7", path: "a", id: "1"}, {kind: syncEnds, path: "a", id: "1"}},
		`1 fsync(7</data>) = -1 EIO (Input/output error)`:                               {{kind: syncBegins, fd: "7", path: ".", id: "1"}},
		`1 rename("/data/a", "/data/d/b") = 0`:                                          {{kind: renamed, path: "a", to: "d/b"}},
		`1 renameat(7</data>, "a", 8</data/d>, "b") = 0`:                                {{kind: renamed, path: "a", to: "d/b"}},
		`1 renameat2(AT_FDCWD</>, "/x", AT_FDCWD</>, "/y", 0) = 0`:                      nil,
		`1 linkat(7</data>, "a", 8</data>, "b", 0) = 0`:                                 {{kind: linked, path: "a", to: "b"}},
		`1 unlink("/data/a") = 0`:                                                       {{kind: removed, path: "a"}},
		`1 unlinkat(7</data/d>, "a", 0) = 0`:                                            {{kind: removed, path: "d/a"}},
		`1 mkdirat(AT_FDCWD</>, "/data/d", 0700) = 0`:                                   {{kind: madeDir, path: "d"}},
		`1 +++ exited with 0 +++`:                                                       nil,
	} {
		if diff := cmp.Diff(want, parsed(t, line), cmp.AllowUnexported(event{})); diff != "" {
			t.Errorf("%s:\n%s", line, diff)
		}
	}
}

// What a sync is about is settled when it begins: another thread may write meanwhile.
func TestACallMayGoOnWhileOthersCall(t *testing.T) {
	got := parsed(t,
		`1 fdatasync(7</data/a> <unfinished ...>`,
		`2 write(7</data/a>, "x", 1) = 1`,
		`1 <... fdatasync resumed>) = 0`,
	)
	want := []event{
		{kind: syncBegins, fd: "7", path: "a", id: "1"},
		{kind: written, fd: "7", path: "a", data: []byte("x"), offset: -1},
		{kind: syncEnds, path: "a", id: "1"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(event{})); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeRecordedIsAnError(t *testing.T) {
	for _, line := range []string{
		`1 pwritev(7</data/a>, [{iov_base="x", iov_len=1}], 1, 0) = 1`,
		`1 fallocate(7</data/a>, 0, 0, 100) = 0`,
		`1 rename("/data/a", "/elsewhere/a") = 0`,
		`1 write(7</data/a>, "x", 1) = 2`,
		`1 <... what is this`,
	} {
		p := parser{dir: "/data"}
		if err := p.line(in(line)); err == nil {
			t.Errorf("%s: %v", line, p.events)
		}
	}
}
