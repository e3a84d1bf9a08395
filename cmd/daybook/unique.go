package main

import (
	"fmt"
	"time"

	"daybook/client"

	"github.com/alecthomas/kong"
)

// uniqueness are the flags that make a task the only one of its type and a key.
type uniqueness struct {
	Unique     optionalText  `placeholder:"KEY" help:"Allow only one task of this type with this key at a time; without a key, with these parameters. Write --unique=KEY."`
	UniqueFor  time.Duration `placeholder:"1h" help:"How long the task holds its unique key, even after it has ended; by default while it is pending or running." positive:""`
	OnConflict string        `placeholder:"return" help:"When another task holds the unique key: return prints that task, replace cancels it if it is pending and runs the new task after it if it is running, reject refuses the new task."`
	MaxDelay   time.Duration `placeholder:"1m" help:"With --on-conflict replace: maximum time that replacements can delay the run, counted from the first task." positive:""`
}

// check refuses what makes no sense.
func (u *uniqueness) check() error {
	switch {
	case !u.Unique.given && (u.UniqueFor != 0 || u.OnConflict != "" || u.MaxDelay != 0):
		return fmt.Errorf("--unique-for, --on-conflict and --max-delay need --unique")
	case u.OnConflict != "" && u.OnConflict != "return" && u.OnConflict != "replace" && u.OnConflict != "reject":
		return fmt.Errorf("--on-conflict must be return, replace or reject, not %q", u.OnConflict)
	case u.MaxDelay != 0 && u.OnConflict != "replace":
		return fmt.Errorf("--max-delay needs --on-conflict replace")
	}
	return nil
}

// unique is what the flags ask for, nil for nothing.
func (u *uniqueness) unique() *client.Unique {
	if !u.Unique.given {
		return nil
	}
	return &client.Unique{Key: u.Unique.text, ForSeconds: u.UniqueFor.Seconds(), OnConflict: u.OnConflict, MaxDelaySeconds: u.MaxDelay.Seconds()}
}

// optionalText is a flag that may stand alone or have a value: --unique, --unique=KEY.
type optionalText struct {
	given bool
	text  string
}

// IsBool lets the flag stand alone.
func (*optionalText) IsBool() bool { return true }

// Decode reads the flag.
func (o *optionalText) Decode(ctx *kong.DecodeContext) error {
	o.given = true
	if token := ctx.Scan.Peek(); token.Type == kong.FlagValueToken {
		o.text = fmt.Sprint(ctx.Scan.Pop().Value)
		if o.text == "" {
			return fmt.Errorf("the key is empty: write --unique=KEY, or --unique alone to make the key from the parameters")
		}
	}
	return nil
}
