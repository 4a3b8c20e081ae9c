package settle

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

type file struct {
	form Form
	data []byte
}

func filesOf(b *Batch) ([]file, error) {
	whole, err := b.JSON()
	if err != nil {
		return nil, err
	}
	return []file{{FormJSON, whole}, {FormCSV, b.CSV()}, {FormManifest, b.ManifestJSON()}}, nil
}

// write puts the files at final, by way of a directory that nobody reads.
func (a *Archive) write(final string, files []file) error {
	day, name := filepath.Split(final)
	part := filepath.Join(day, unfinished+name)
	if err := a.mkdir(day, os.MkdirAll); err != nil {
		return err
	}
	if err := a.fill(part, files); err != nil {
		// The cause is what the caller must know; what can't be removed now is swept at the next start.
		_ = a.do("remove", part, os.RemoveAll)
		return err
	}
	if err := a.do("rename", final, func(path string) error { return os.Rename(part, path) }); err != nil {
		_ = a.do("remove", part, os.RemoveAll)
		return err
	}
	return a.syncAbove(final)
}

func (a *Archive) mkdir(path string, how func(string, os.FileMode) error) error {
	return a.do("mkdir", path, func(path string) error { return how(path, 0o700) })
}

func (a *Archive) fill(part string, files []file) error {
	if err := a.do("remove", part, os.RemoveAll); err != nil {
		return err
	}
	if err := a.mkdir(part, os.Mkdir); err != nil {
		return err
	}
	for _, f := range files {
		if err := a.writeFile(filepath.Join(part, string(f.form)), f.data); err != nil {
			return err
		}
	}
	return a.do("sync", part, syncDir)
}

// writeFile writes in two halves only so that a test can stop between them.
func (a *Archive) writeFile(path string, data []byte) (err error) {
	if err := a.before("create", path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("archive: %w", cerr)
		}
	}()
	half := len(data) / 2
	for _, chunk := range [][]byte{data[:half], data[half:]} {
		if err := a.before("write", path); err != nil {
			return err
		}
		if _, err := f.Write(chunk); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
	}
	return a.do("sync", path, func(string) error { return f.Sync() })
}

// create makes the archive's own directory, and its name durable: also of one that is there, since who made it
// may have been killed before that.
func (a *Archive) create() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(a.dir))
}

// syncAbove makes the name final durable, and that of its day.
func (a *Archive) syncAbove(final string) error {
	day := filepath.Dir(final)
	for _, dir := range []string{day, a.dir} {
		if err := a.do("sync", dir, syncDir); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) do(op, path string, step func(string) error) error {
	if err := a.before(op, path); err != nil {
		return err
	}
	if err := step(path); err != nil {
		return fmt.Errorf("archive: %s: %w", op, err)
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// same says whether the directory final holds just these files; ErrArchived when not.
func same(final string, files []file) error {
	for _, f := range files {
		held, err := os.ReadFile(filepath.Join(final, string(f.form)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err != nil || !bytes.Equal(held, f.data) {
			return fmt.Errorf("%w: %s", ErrArchived, filepath.Join(final, string(f.form)))
		}
	}
	return nil
}
