// Package files writes the small files of a data directory: whole or not at all, and for this user alone.
package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Write replaces a file durably: temporary file, fsync, rename, fsync of the directory. Its mode is 0600.
func Write(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	if err = fill(f, data); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDir(filepath.Dir(path))
}

func fill(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// MakeDir makes a directory for this user alone and its name durable: a directory whose name is lost in a power
// cut takes along all that was synced in it. One that is there already is no proof, since who made it may have
// been killed before that.
func MakeDir(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	above := []string{filepath.Dir(dir)}
	for p := above[0]; ; p = filepath.Dir(p) {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		above = append(above, filepath.Dir(p))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, p := range above {
		// One that we may not even read was not made by us, nor what is in it.
		if err := SyncDir(p); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// SyncDir makes the names in a directory durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Read reads a file; nothing when there is none.
func Read(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Store keeps a few bytes in one file.
type Store string

// Load reads the file; nothing when there is none.
func (s Store) Load() ([]byte, error) { return Read(string(s)) }

// Save replaces it.
func (s Store) Save(b []byte) error { return Write(string(s), b) }
