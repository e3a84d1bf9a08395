package daybook

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"daybook/eventlog"
	"daybook/eventlog/sqlitelog"
	"daybook/files"
	"daybook/projection"
)

// Finding is one thing that is wrong with a data folder.
type Finding struct {
	Kind    string   `json:"kind"`    // a stable name: "damaged-event", "lost-events", "in-use" …
	What    string   `json:"what"`    // in words
	Refused bool     `json:"refused"` // a server does not start for it
	Advice  []Advice `json:"advice"`  // what can be done, the best first
}

// Advice is one thing that can be done, with the command that does it, if there is one.
type Advice struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}

// Diagnosis is what Examine found.
type Diagnosis struct {
	Findings []Finding `json:"findings"`
	Events   int64     `json:"events"` // of the log
	Files    int64     `json:"files"`
	// LastRun is the latest start of a server in the folder, nil if there was none.
	LastRun *LastRun `json:"last_run,omitempty"`
}

// LastRun is one start of a server and how that ended.
type LastRun struct {
	Version   string     `json:"version"`
	StartedAt time.Time  `json:"started_at"`
	StoppedAt *time.Time `json:"stopped_at"` // nil: it was killed or crashed
}

// Refused reports whether a server does not start in the folder.
func (d *Diagnosis) Refused() bool {
	return slices.ContainsFunc(d.Findings, func(f Finding) bool { return f.Refused })
}

// Examine looks why a server does not start in a data folder, or what else is wrong with what lies
// in it: all of the log, its payloads and the files are read. It changes nothing. What is wrong
// is no error. Errors: ctx's.
func Examine(ctx context.Context, data string) (Diagnosis, error) {
	e := examination{data: data}
	if e.folder() && e.held() {
		e.log(ctx)
		e.files(ctx)
		e.room()
	}
	e.modes()
	return e.Diagnosis, ctx.Err()
}

// examination is one Examine on its way.
type examination struct {
	Diagnosis
	data string
}

func (e *examination) find(kind string, refused bool, what string, advice ...Advice) {
	e.Findings = append(e.Findings, Finding{Kind: kind, What: what, Refused: refused, Advice: advice})
}

// command is a command line about the folder.
func (e *examination) command(format string) string {
	return strings.ReplaceAll(format, "DATA", ShellQuoted(e.data))
}

// ShellQuoted is text as one word of a shell.
func ShellQuoted(text string) string {
	if text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/+:@%,", r)
	}) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func (e *examination) restore() Advice {
	return Advice{"restore the folder from a backup, and keep the one that is wrong", e.command("mv DATA DATA.wrong && cp -a BACKUP DATA")}
}

// folder reports whether there is a folder to look into.
func (e *examination) folder() bool {
	info, err := os.Stat(e.data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.find("no-folder", false, "The folder is not there. A server makes it, and begins with an empty log.",
			Advice{"if it should be there, look whether the path is right and its disk is mounted", e.command("ls -la DATA; df DATA")})
	case err != nil:
		e.find("not-readable", true, err.Error(), Advice{"give it to the user that runs the server", e.command("sudo chown -R USER DATA")})
	case !info.IsDir():
		e.find("no-folder", true, "It is no folder.", Advice{"name another one, or move it away", e.command("mv DATA DATA.old")})
	}
	return err == nil && info.IsDir()
}

// held reports whether nobody has the folder, and whether it can be used.
func (e *examination) held() bool {
	err := sqlitelog.CheckFolder(e.data)
	if err == nil {
		var release func() error
		if release, err = sqlitelog.Share(e.data); err == nil {
			err = release()
		}
	}
	switch {
	case errors.Is(err, sqlitelog.ErrLocked):
		e.find("in-use", true, err.Error()+".", Advice{"if that is the server you want, it is running; to prove its log", "daybook verify"},
			Advice{"to look at the folder, stop that process first", "kill -TERM PID"})
	case errors.Is(err, sqlitelog.ErrNotReadable), errors.Is(err, fs.ErrPermission):
		e.find("not-readable", true, err.Error()+".", Advice{"give it to the user that runs the server", e.command("sudo chown -R USER DATA")})
	case errors.Is(err, sqlitelog.ErrNotWritable):
		e.find("not-writable", true, err.Error()+".",
			Advice{"give it to the user that runs the server", e.command("sudo chown -R USER DATA && chmod -R u+rwX DATA")},
			Advice{"if the disk is mounted for reading only, look why", e.command("findmnt -T DATA; sudo dmesg | tail")})
	case err != nil:
		e.find("not-a-file", true, err.Error()+".", Advice{"move it away; it is nothing of Daybook's", ""})
	}
	return err == nil
}

func (e *examination) log(ctx context.Context) {
	log, err := sqlitelog.OpenReadOnly(ctx, e.data)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(e.data, "daybook.head")); err == nil {
			e.lost("The log is not there, but daybook.head says that there was one.")
		}
		return
	}
	if loss, ok := errors.AsType[*sqlitelog.LossError](err); ok {
		e.lost(loss.Loss.Reason + ".")
		return
	}
	if err != nil {
		e.refusal(err)
		return
	}
	defer log.Close()
	e.Events = log.Head().Seq
	if loss := log.Loss(); loss != nil {
		e.lost(loss.Reason + ".")
	}
	runs, err := projection.Check(ctx, log)
	if err != nil {
		e.refusal(err)
		return
	}
	if n := len(runs); n > 0 {
		e.LastRun = &LastRun{Version: runs[n-1].Version, StartedAt: runs[n-1].StartedAt.Time()}
		if at := runs[n-1].StoppedAt; at != 0 {
			stopped := at.Time()
			e.LastRun.StoppedAt = &stopped
		}
	}
	if _, err := eventlog.Verify(ctx, log, e.Events, nil); err != nil && ctx.Err() == nil {
		e.find("damaged-payload", false, err.Error()+". Its task says so; all else works.", e.restore())
	}
}

// lost is about a log that is not the one that was acknowledged.
func (e *examination) lost(what string) {
	e.find("lost-events", true, what, e.restore(),
		Advice{"go on with what is there: the log writes down that events were lost, gives out their numbers again, and begins another epoch. " +
			"Copy the folder first", e.command("daybook doctor --data DATA --copy DATA.copy && daybook serve --data DATA --accept-loss")})
}

// refusal is about a log that cannot be opened or replayed.
func (e *examination) refusal(err error) {
	what := err.Error() + "."
	switch {
	case errors.Is(err, sqlitelog.ErrForeign):
		e.find("foreign", true, what, Advice{"start the version that wrote it, or name another folder", ""}, e.restore())
	case errors.Is(err, projection.ErrNewer):
		e.find("newer", true, what, Advice{"install the version that wrote it, or a newer one, and start that", ""}, e.restore())
	case errors.Is(err, eventlog.ErrDamaged):
		e.find("damaged-event", true, what, e.restore(),
			Advice{"without a backup: copy the folder, with its WAL, before anything else is tried, and look whether the disk is sound",
				e.command("daybook doctor --data DATA --copy DATA.copy; sudo dmesg | tail")})
	case errors.Is(err, sqlitelog.ErrLocked):
		e.find("in-use", true, what)
	default:
		e.find("not-usable", true, what, e.restore())
	}
}

func (e *examination) files(ctx context.Context) {
	place := filepath.Join(e.data, "files")
	if isNoFolder(place) {
		e.find("not-a-file", true, place+" is no folder.", Advice{"move it away; it is nothing of Daybook's", ""})
		return
	}
	audit, err := verifyFiles(ctx, e.data, func(int64, int64) {})
	e.Files = audit.Files
	if err != nil && ctx.Err() == nil {
		e.find("files", false, err.Error()+".", e.restore())
	}
	e.damagedFiles(audit.Damaged)
	for _, name := range audit.Blocked {
		e.find("not-a-file", false, filepath.Join(place, name)+" is no file or folder of Daybook's, and lies in the place of one. Uploads to that place are refused.",
			Advice{"move it away", "mv " + ShellQuoted(filepath.Join(place, name)) + " " + ShellQuoted(e.data+".blocked-"+strings.ReplaceAll(name, "/", "-"))})
	}
}

// isNoFolder reports whether something lies there that is no folder, as a named pipe or a link
// that leads nowhere.
func isNoFolder(path string) bool {
	if _, err := os.Lstat(path); err != nil {
		return false
	}
	info, err := os.Stat(path)
	return err != nil && !errors.Is(err, fs.ErrPermission) || err == nil && !info.IsDir()
}

func (e *examination) damagedFiles(damaged []files.Info) {
	for _, f := range damaged {
		e.find("damaged-file", false, fmt.Sprintf("File %s (%s) does not fit its hash. It is not served, and tasks that need it fail.", f.ID, f.Name),
			Advice{"upload the right bytes again to the running server: they replace it", "curl -F file=@FILE http://127.0.0.1:8000/api/files"}, e.restore())
	}
}

// room is about a disk that is full.
func (e *examination) room() {
	if free := sqlitelog.FreeBytes(e.data); free < 64<<20 {
		e.find("disk-full", false, fmt.Sprintf("The disk has %d bytes free: a server takes no submits below 64 MiB.", free),
			Advice{"make room; the server then continues without a restart", e.command("df -h DATA; du -sh DATA/*")})
	}
}

// modes is about files that others may read.
func (e *examination) modes() {
	for _, name := range dataFiles(e.data) {
		if info, err := os.Stat(filepath.Join(e.data, name)); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			e.find("open-to-others", false, fmt.Sprintf("%s has mode %v: other users of this machine may read it, or more.", name, info.Mode().Perm()),
				Advice{"keep it for its owner", e.command("daybook doctor --data DATA --fix modes")})
			return
		}
	}
}

// dataFiles lists the files of log and views that are in the folder.
func dataFiles(data string) []string {
	var names []string
	for _, pattern := range []string{"log-*.db*", "daybook.head", "daybook.lock", "views.db*", "text.db*"} {
		found, _ := filepath.Glob(filepath.Join(escapedGlob(data), pattern)) // the patterns are good
		for _, path := range found {
			names = append(names, filepath.Base(path))
		}
	}
	return names
}

// escapedGlob is a path as a pattern that means itself.
func escapedGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
