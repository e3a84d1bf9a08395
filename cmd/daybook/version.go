package main

import (
	"encoding/json"
	"fmt"
	"runtime"

	"daybook"
)

type versionCmd struct {
	JSON bool `help:"Print JSON."`
}

func (c *versionCmd) Run(s *stdio) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(map[string]string{"version": daybook.Version, "go": runtime.Version()})
	}
	_, err := fmt.Fprintf(s.out, "daybook %s (%s %s/%s)\n", daybook.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
