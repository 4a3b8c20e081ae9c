package lane

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"

	"tilld/agent/journal"
	"tilld/sync/wire"
)

// ChangeKey gives a lane that is not running a new key: staged beside the old one, named by a journal entry
// that the old key signs and the new one proves, then put in the old one's place. Cut short anywhere, the
// lane finds the key that its journal names.
func ChangeKey(ctx context.Context, dir, software string, log *slog.Logger) (name wire.Name, err error) {
	cfg, err := journalOf(dir, software, log)
	if err != nil {
		return name, err
	}
	path := filepath.Join(dir, keyFile)
	if cfg.Staged, err = journal.StageKey(path, rand.Reader); err != nil {
		return name, err
	}
	j, err := journal.Open(ctx, cfg)
	if err != nil {
		return name, err
	}
	defer func() {
		if e := j.Close(); err == nil {
			err = e
		}
	}()
	if j.Signer().Public().KID() != cfg.Staged.Public().KID() { // else an earlier change was cut short here
		rec, err := j.ChangeKey(ctx, cfg.Staged)
		if err != nil {
			return name, err
		}
		name = rec.Name()
	}
	return name, journal.PromoteKey(path)
}
