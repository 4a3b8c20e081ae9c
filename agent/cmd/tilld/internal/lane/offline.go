package lane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tilld/agent/checkout"
	"tilld/agent/clock"
	"tilld/agent/cmd/tilld/internal/config"
	"tilld/agent/journal"
	"tilld/sync/wire"
)

// journalOf is how the journal of a lane that is not running is opened for one act.
func journalOf(dir, software string, log *slog.Logger) (journal.Config, error) {
	id, err := LoadIdentity(dir)
	if err != nil {
		return journal.Config{}, err
	}
	join, err := LoadJoin(dir, id)
	if err != nil {
		return journal.Config{}, err
	}
	zone, err := time.LoadLocation(join.Zone)
	if err != nil {
		return journal.Config{}, fmt.Errorf("the store's time zone: %w", err)
	}
	src, err := clock.System()
	if err != nil {
		return journal.Config{}, err
	}
	place := checkout.Place{Terminal: id.Terminal, Store: join.Store, Lane: join.Lane, Zone: zone, Roll: defaultRoll}
	return journal.Config{
		Dir: dir, Terminal: id.Terminal, Store: join.Store, Lane: join.Lane, Software: software,
		Signer: id.Signer, Random: rand.Reader, Log: log, Now: func() journal.Moment { return moment(src, place) },
	}, nil
}

// unrecovered says that there is no journal, and that the second medium has what was in it. A journal that began
// beside that would only be in the way.
func unrecovered(ctx context.Context, cfg *config.Lane) error {
	if cfg.Second == "" {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(cfg.Data, journal.DatabaseFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	src, err := journal.OpenSecondCopy(filepath.Join(cfg.Second, journal.SecondFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer src.Close()
	for range src.Rows(ctx, journal.Filter{}) {
		return fmt.Errorf("%s holds no journal, and the second medium does: tilld lane recover --data %s --second %s", cfg.Data, cfg.Data, cfg.Second)
	}
	return nil
}

// behind adds what to do to the error about a journal that is older than its second medium.
func behind(err error, cfg *config.Lane) error {
	if errors.Is(err, journal.ErrSecondAhead) {
		return fmt.Errorf("%w; move journal.db* out of %s, then: tilld lane recover --data %s --second %s", err, cfg.Data, cfg.Data, cfg.Second)
	}
	return err
}

// Recover makes the journal anew from the second medium, after the data directory's own disk was lost, and
// returns its last entry. The directory holds who the lane is (key, identifier, HQ's answer), from a copy that
// was kept, and no journal. Nothing that was shown to a cashier is lost: HQ is sent what it lacks.
func Recover(ctx context.Context, dir, second, software string, log *slog.Logger) (last wire.Name, err error) {
	cfg, err := journalOf(dir, software, log)
	if err != nil {
		return last, err
	}
	cfg.Second = second
	j, err := journal.Recover(ctx, cfg)
	if errors.Is(err, journal.ErrNotEmpty) {
		return last, fmt.Errorf("%w: a lane that can't use its journal any more has it moved away first (all of journal.db*)", err)
	}
	if err != nil {
		return last, err
	}
	s, err := j.State(ctx)
	last = wire.Name{Terminal: cfg.Terminal, Epoch: s.Current.Epoch, Seq: s.Current.Last}
	return last, errors.Join(err, j.Close())
}
