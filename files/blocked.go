package files

import (
	"fmt"
	"io/fs"
	"path"
)

// blocked makes err ErrBlocked if it is caused by something in the place of a folder of
// the store, or of a folder in the place of the file. A new file replaces whatever else lies there.
func (s *Store) blocked(id string, err error) error {
	if err == nil {
		return nil
	}
	if folder := folderOf(id); s.there(folder) && !s.isFolder(folder) {
		return fmt.Errorf("%w: %w", ErrBlocked, err)
	}
	for _, file := range []string{placeOf(id), descriptionOf(id)} {
		if info, lookErr := s.root.Lstat(file); lookErr == nil && info.IsDir() {
			return fmt.Errorf("%w: %w", ErrBlocked, err)
		}
	}
	return err
}

func (s *Store) there(name string) bool {
	_, err := s.root.Lstat(name)
	return err == nil
}

func (s *Store) isFolder(name string) bool {
	info, err := s.root.Stat(name)
	return err == nil && info.IsDir()
}

// list returns the ids of all files and their bytes, and the names of what blocks the place of a
// file or a folder. Names that are not the store's are passed over.
func (s *Store) list() (ids []string, total int64, blocked []string, err error) {
	top, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return nil, 0, nil, err
	}
	for _, entry := range top {
		folder := entry.Name()
		if folder != unfinished && !ValidID(folder+hexOf62) {
			continue
		}
		if !s.isFolder(folder) {
			blocked = append(blocked, folder)
			continue
		}
		if folder == unfinished {
			continue
		}
		entries, err := fs.ReadDir(s.root.FS(), folder)
		if err != nil {
			return nil, 0, nil, err
		}
		for _, entry := range entries {
			name := entry.Name()
			rest, isDescription := name, path.Ext(name) == ".json"
			if isDescription {
				rest = name[:len(name)-len(".json")]
			}
			if !ValidID(folder + rest) {
				continue
			}
			info, err := entry.Info()
			switch {
			case absent(err): // it was removed meanwhile
			case err != nil:
				return nil, 0, nil, err
			case info.IsDir():
				blocked = append(blocked, folder+"/"+name)
			case !isDescription:
				ids, total = append(ids, folder+rest), total+info.Size()
			}
		}
	}
	return ids, total, blocked, nil
}

// hexOf62 makes an id of the name of a folder.
const hexOf62 = "00000000000000000000000000000000000000000000000000000000000000"
