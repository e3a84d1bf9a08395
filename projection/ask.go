package projection

import (
	"path/filepath"

	"daybook/projection/viewfile"
)

// OpenLook opens the view file in a data folder for a person's query; see viewfile.OpenLook.
func OpenLook(dir string, served bool) (*viewfile.Look, error) {
	return viewfile.OpenLook(filepath.Join(dir, fileName), served)
}

// Tables lists the tables and views of the view file.
func Tables() []viewfile.Table { return viewfile.Tables() }

// Errors of OpenLook.
var (
	ErrViewsRemade   = viewfile.ErrRemade
	ErrViewsNewer    = viewfile.ErrNewer
	ErrViewsUnusable = viewfile.ErrUnusable
)
