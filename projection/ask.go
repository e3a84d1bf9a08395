package projection

import (
	"path/filepath"

	"daybook/projection/viewfile"
)

// OpenSnapshot opens the view file in a data folder for the queries of a user; see viewfile.OpenSnapshot.
func OpenSnapshot(dir string, served bool) (*viewfile.Snapshot, error) {
	return viewfile.OpenSnapshot(filepath.Join(dir, fileName), served)
}

// Tables returns the tables and views of the view file.
func Tables() []viewfile.Table { return viewfile.Tables() }

// Errors of OpenSnapshot.
var (
	ErrViewsIncomplete = viewfile.ErrIncomplete
	ErrViewsNewer      = viewfile.ErrNewer
	ErrViewsUnusable   = viewfile.ErrUnusable
)
