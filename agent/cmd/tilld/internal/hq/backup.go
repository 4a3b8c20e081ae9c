package hq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tilld/agent/cmd/tilld/internal/files"
	"tilld/agent/disk"
)

// Backup writes to a new directory what HQ needs to go on elsewhere, but for the keys: the books as of one
// moment, the archive of batches, the revocations, and the public names. HQ may run meanwhile. It returns how many files of the
// archive it copied.
//
// The archive comes after the books: it may be ahead of them, since HQ brings a batch that it lacks back from
// there. Books that know of a batch which the archive lacks would have no bytes to show for it.
func (o *Office) Backup(ctx context.Context, to string) (archived int, err error) {
	if err := o.outside(to); err != nil {
		return 0, err
	}
	if err := o.keepRevocations(ctx); err != nil {
		return 0, err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s is there already: each backup is a directory of its own", to)
	}
	half := to + ".part"
	if err := removeHalf(half); err != nil {
		return 0, err
	}
	if err := os.Mkdir(half, 0o700); err != nil {
		return 0, err
	}
	mark := filepath.Join(half, halfFile)
	if err = files.Write(mark, nil); err == nil {
		archived, err = o.fillBackup(ctx, half)
	}
	if err == nil {
		err = os.Remove(mark)
	}
	if err == nil {
		err = errors.Join(disk.SyncDir(half), os.Rename(half, to))
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("backing up to %s: %w", to, err), os.RemoveAll(half))
	}
	return archived, disk.SyncDir(filepath.Dir(to))
}

// halfFile says of a directory that it is a backup of ours, and not finished.
const halfFile = ".half-a-backup"

// removeHalf removes what a backup that broke off has left, and nothing that somebody else may have made.
func removeHalf(half string) error {
	if _, err := os.Lstat(filepath.Join(half, halfFile)); err == nil {
		return os.RemoveAll(half)
	}
	err := os.Remove(half) // empty, when a backup broke off at once
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s is in the way, and no backup has left it there: %w", half, err)
}

// outside refuses a place within HQ's own directory: the backup would be lost with it, and copy itself.
func (o *Office) outside(to string) error {
	data, err := realPath(o.Dir)
	if err != nil {
		return err
	}
	above, err := realPath(filepath.Dir(to))
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(data, filepath.Join(above, filepath.Base(to)))
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return fmt.Errorf("%s is within HQ's own directory %s: a backup belongs on another disk", to, o.Dir)
	}
	return nil // no way from one to the other: another disk
}

func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

func (o *Office) fillBackup(ctx context.Context, to string) (archived int, err error) {
	books := filepath.Join(to, ledgerFile)
	if err := o.Books.Backup(ctx, books); err != nil {
		return 0, err
	}
	if err := os.Chmod(books, 0o600); err != nil { // a backup is carried about, out of its directory
		return 0, err
	}
	for _, name := range []string{rootPublic, chainFile} {
		if err := copyFile(filepath.Join(o.Dir, name), filepath.Join(to, name)); err != nil {
			return 0, err
		}
	}
	if _, err := copyTree(ctx, filepath.Join(o.Dir, revocationDir), filepath.Join(to, revocationDir)); err != nil {
		return 0, err
	}
	archived, err = copyTree(ctx, filepath.Join(o.Dir, archiveDir), filepath.Join(to, archiveDir))
	return archived, errors.Join(err, disk.SyncDir(to))
}

// copyTree copies the files below a directory, which may not be there, and passes over what is not finished:
// such names begin with a dot.
func copyTree(ctx context.Context, from, to string) (count int, err error) {
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // HQ has never run, or it has just finished this one: under its name it comes yet, or next time
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(d.Name(), ".") && d.IsDir():
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		count++
		return copyFile(path, filepath.Join(to, rel))
	})
	if err != nil {
		return count, err
	}
	return count, syncTree(to)
}

// syncTree makes the names in all directories durable.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.IsDir() {
			return err
		}
		return disk.SyncDir(path)
	})
}

// copyFile copies and syncs a file. Its mode is 0600.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
