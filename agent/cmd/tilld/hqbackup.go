package main

import (
	"context"
	"fmt"

	"tilld/agent/cmd/tilld/internal/hq"
)

type hqBackupCmd struct {
	hqData
	To string `arg:"" type:"path" help:"Directory to make for the backup, on another disk."`
}

// Help says what a backup holds, and what not.
func (hqBackupCmd) Help() string {
	return `Holds the books, the archive of batches and the revocations as of now; HQ may run. The keys are not in it: they do not change, so keep
one copy of keys/ where no network reaches. Never copy ledger.db itself while HQ runs: what is still in its log would be missing.

To restore, put backup and keys into an empty directory, add what is newer in settlements/ and revocations/ of the old one,
and say so, before HQ runs there:

    tilld hq restored --data DIR`
}

// Run writes the backup.
func (c hqBackupCmd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, func(o *hq.Office) error {
		n, err := o.Backup(ctx, c.To)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(std.out, "backup of chain %s in %s: the books and %s of the archive; keys/ is not in it\n", o.Chain, c.To, count(uint64(n), "file"))
		return err
	})
}
