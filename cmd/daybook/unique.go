package main

import (
	"fmt"
	"time"

	"daybook/client"

	"github.com/alecthomas/kong"
)

// uniqueness are the flags that make a task the only one of its type and a key.
type uniqueness struct {
	Unique     optionalText  `placeholder:"KEY" help:"Let there be one task of the type and this key, or of these parameters when no key is given; write --unique=KEY."`
	UniqueFor  time.Duration `placeholder:"1h" help:"How long the task holds its unique key, whatever becomes of it; by default while it waits or runs."`
	OnConflict string        `placeholder:"return" help:"When another task holds the unique key: return gives that one, replace cancels it if it waits and lets the new one follow if it runs, reject refuses the new one."`
	MaxDelay   time.Duration `placeholder:"1m" help:"With --on-conflict replace: how long tasks that replace each other may put off the run, from the first of them on."`
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
			return fmt.Errorf("the key is empty: write --unique=KEY, or --unique alone for a key made from the parameters")
		}
	}
	return nil
}
