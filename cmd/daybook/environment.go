package main

import (
	"slices"

	"github.com/alecthomas/kong"
)

// connectionFlags say how a command reaches a server or its data, and how it prints. They mean the same in
// every command.
var connectionFlags = []string{"server", "ca", "json", "addr", "tls-cert", "data"}

// environment takes variables for all flags of serve. Flags of other commands are set by one only if they are
// connectionFlags or their tag names one: a variable for serve, such as DAYBOOK_CONCURRENCY, must not change
// what another command writes.
func environment() []kong.Option {
	return []kong.Option{
		kong.PostBuild(func(k *kong.Kong) error {
			for _, command := range k.Model.Children {
				if command.Name != "serve" {
					withoutVariables(command)
				}
			}
			return nil
		}),
		kong.DefaultEnvars("DAYBOOK"),
	}
}

func withoutVariables(node *kong.Node) {
	for _, flag := range node.Flags {
		if len(flag.Envs) == 0 && !slices.Contains(connectionFlags, flag.Name) {
			flag.Envs = []string{"-"} // what DefaultEnvars reads as none
		}
	}
	for _, child := range node.Children {
		withoutVariables(child)
	}
}
