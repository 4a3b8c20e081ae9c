package house

import (
	"context"
	"fmt"
)

// Backup writes a whole copy of the books, as they are at one moment, into a file that is not there yet, while the
// issuer runs. It is on the disk when whoever called it has synced the file.
func (i *Issuer) Backup(ctx context.Context, path string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.stopped != nil {
		return i.stopped
	}
	if _, err := i.db.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return fmt.Errorf("copying the books to %s: %w", path, err)
	}
	return nil
}
