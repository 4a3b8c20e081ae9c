package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup writes a copy of the ledger as of one moment to a file, which must not be there, and returns when it
// is on the disk. HQ goes on meanwhile. A copy that is ever put in the ledger's place needs Restored.
//
// The live file must never be copied by other means: what is still in its log would be left out, and closing
// the copied file takes SQLite's locks away.
func (s *Store) Backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("backing the ledger up: %s is there already", path)
	}
	half := path + ".part"
	if err := s.copyTo(ctx, half); err != nil {
		return errors.Join(fmt.Errorf("backing the ledger up to %s: %w", path, err), removeIf(half))
	}
	if err := os.Rename(half, path); err != nil {
		return fmt.Errorf("backing the ledger up: %w", err)
	}
	return syncFile(filepath.Dir(path))
}

func (s *Store) copyTo(ctx context.Context, path string) error {
	if err := removeIf(path); err != nil { // of a back-up that broke off
		return err
	}
	conn, err := s.readers.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A reader may not write, and the copy is a write, though not to the ledger.
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = 0"); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "VACUUM INTO ?", path)
	if _, again := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only = 1"); err == nil {
		err = again
	}
	if err != nil {
		return err
	}
	return syncFile(path)
}

func removeIf(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// syncFile waits until a file, or a directory's names, are on the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
