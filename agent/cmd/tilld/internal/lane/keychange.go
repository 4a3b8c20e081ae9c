package lane

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/journal"
	"tilld/sync/wire"
)

// ChangeKey gives a lane that is not running a new key: staged beside the old one, named by a journal entry
// that the old key signs and the new one proves, then put in the old one's place. Cut short anywhere, the
// lane finds the key that its journal names.
func ChangeKey(ctx context.Context, dir, software string, log *slog.Logger) (name wire.Name, err error) {
	id, err := LoadIdentity(dir)
	if err != nil {
		return name, err
	}
	join, err := LoadJoin(dir, id)
	if err != nil {
		return name, err
	}
	zone, err := time.LoadLocation(join.Zone)
	if err != nil {
		return name, err
	}
	src, err := clock.System()
	if err != nil {
		return name, err
	}
	path := filepath.Join(dir, keyFile)
	next, err := journal.StageKey(path, rand.Reader)
	if err != nil {
		return name, err
	}
	place := checkout.Place{Terminal: id.Terminal, Store: join.Store, Lane: join.Lane, Zone: zone, Roll: defaultRoll}
	j, err := journal.Open(ctx, journal.Config{
		Dir: dir, Terminal: id.Terminal, Store: join.Store, Lane: join.Lane, Software: software,
		Signer: id.Signer, Staged: next, Random: rand.Reader, Log: log, Now: func() journal.Moment { return moment(src, place) },
	})
	if err != nil {
		return name, err
	}
	defer func() {
		if e := j.Close(); err == nil {
			err = e
		}
	}()
	if j.Signer().Public().KID() != next.Public().KID() { // else an earlier change was cut short here
		rec, err := j.ChangeKey(ctx, next)
		if err != nil {
			return name, err
		}
		name = rec.Name()
	}
	return name, journal.PromoteKey(path)
}
