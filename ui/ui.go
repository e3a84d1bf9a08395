// Package ui holds the dashboard: one page of plain ES modules, embedded as it lies in
// the tree. It reaches the server over HTTP as anyone does.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed page
var page embed.FS

// Files returns the page's files, index.html at the root.
func Files() fs.FS {
	sub, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // the name is a constant, and embedded
	}
	return sub
}
