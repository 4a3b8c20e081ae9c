// Package files writes the small files of a data directory: whole or not at all, and for this user alone.
package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"tilld/agent/disk"
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
	return disk.SyncDir(filepath.Dir(path))
}

func fill(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
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
