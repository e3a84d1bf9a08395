//go:build race

package viewfile

import "flag"

// Under the race detector a check takes ten times as long: make test runs all of them without it too.
func init() {
	if err := flag.Set("rapid.checks", "8"); err != nil {
		panic(err)
	}
}
