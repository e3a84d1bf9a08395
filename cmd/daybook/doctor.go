package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"daybook"
)

type doctorCmd struct {
	Data string `default:"./daybook-data" placeholder:"DIR" help:"Data folder to check; no server may have it open (${default})."`
	Copy string `placeholder:"DIR" help:"Copy the folder to a new folder and compare every file."`
	Fix  string `enum:"views,modes,none" default:"none" help:"Copy the folder, then repair: views (remove the view files; the next start rebuilds them) or modes (only the owner can read the files)."`
	JSON bool   `help:"Print the findings as one JSON object."`
}

func (doctorCmd) Help() string {
	return `Explains why a server does not start on a data folder, and prints the commands that repair it. It reads the whole
log and all files. It changes nothing unless --fix is given, and copies the folder before it does.
Exit code 0 if nothing is wrong, else 1.

Examples:

    daybook doctor --data ./daybook-data
    daybook doctor --data ./daybook-data --copy /mnt/other/daybook-copy
    daybook doctor --data ./daybook-data --fix views`
}

func (c *doctorCmd) Run(ctx context.Context, s *stdio) error {
	if c.Fix != "none" && c.Copy == "" {
		c.Copy = c.Data + ".copy-" + time.Now().UTC().Format("20060102T150405Z")
	}
	if c.Copy != "" {
		if err := daybook.CopyData(c.Data, c.Copy); err != nil {
			return err
		}
		fmt.Fprintf(s.err, "copied to %s; every file was compared\n", s.safe(c.Copy))
		if c.Fix == "none" {
			return nil
		}
	}
	var err error
	switch c.Fix {
	case "views":
		err = daybook.RemoveViews(c.Data)
	case "modes":
		err = daybook.CloseToOthers(c.Data)
	}
	if err != nil {
		return err
	}
	d, err := daybook.Examine(ctx, c.Data)
	if err != nil {
		return err
	}
	return c.print(s, &d)
}

func (c *doctorCmd) print(s *stdio, d *daybook.Diagnosis) error {
	if c.JSON {
		text, err := json.Marshal(d)
		if err == nil {
			err = printJSON(s.out, text)
		}
		if err == nil && len(d.Findings) > 0 {
			err = errSilent
		}
		return err
	}
	printLastRun(s, d.LastRun)
	for _, f := range d.Findings {
		verdict := "the server starts all the same"
		if f.Refused {
			verdict = "the server does not start"
		}
		fmt.Fprintf(s.out, "%s: %s\n%s\n", s.bold(f.Kind), verdict, s.safe(f.What))
		for _, a := range f.Advice {
			fmt.Fprintf(s.out, "  - %s\n", s.safe(a.Text))
			if a.Command != "" {
				fmt.Fprintf(s.out, "      %s\n", s.safe(a.Command))
			}
		}
		fmt.Fprintln(s.out)
	}
	if len(d.Findings) > 0 {
		return errors.New("something is wrong with the folder")
	}
	_, err := fmt.Fprintf(s.out, "ok: %s events and %s files are as they were written, and a server starts here.\n"+
		"If the page shows wrong data, rebuild its views: daybook doctor --data DIR --fix views\n", grouped(d.Events), grouped(d.Files))
	return err
}

// printLastRun says when a server last ran in the folder and how that ended.
func printLastRun(s *stdio, r *daybook.LastRun) {
	if r == nil {
		return
	}
	ended := "did not stop in order: it was killed or crashed"
	if r.StoppedAt != nil {
		ended = "stopped in order at " + r.StoppedAt.Format(time.RFC3339)
	}
	fmt.Fprintf(s.out, "last server: version %s started at %s and %s.\n", s.safe(r.Version), r.StartedAt.Format(time.RFC3339), ended)
}
