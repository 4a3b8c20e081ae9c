package ledger

import (
	"context"
	"fmt"
)

// HQEpoch is the life of this ledger: the Unix milliseconds at which it began, or was last restored from a
// backup. Lanes that see a lower acknowledgement under a higher HQ epoch send again what is missing.
func (s *Store) HQEpoch(ctx context.Context) (uint64, error) {
	var epoch int64
	if err := s.readers.QueryRowContext(ctx, "SELECT max(epoch) FROM hq_epoch").Scan(&epoch); err != nil {
		return 0, fmt.Errorf("reading the HQ epoch: %w", err)
	}
	return uint64(epoch), nil
}

// Restored begins a new HQ epoch. It must be called once after the file was restored from a backup and
// before HQ speaks to any lane: without it lanes would take HQ's lower acknowledgements for old ones, and
// what came after the backup would be lost at HQ. Attempts at payment that were open then are not given up by
// themselves any more, for their lanes may have heard meanwhile that they are paid. Refunds that were open may have been
// carried out.
func (s *Store) Restored(ctx context.Context) (uint64, error) {
	var epoch int64
	err := s.write(ctx, func(t *tx) error {
		if _, err := t.get("SELECT max(epoch) FROM hq_epoch", nil, &epoch); err != nil {
			return err
		}
		epoch = max(epoch+1, t.now)
		if err := t.newEpoch(epoch, "restore"); err != nil {
			return err
		}
		if err := t.mayHaveTold(); err != nil {
			return err
		}
		if err := t.mayHaveGivenBack(); err != nil {
			return err
		}
		return t.regainAll()
	})
	if err != nil {
		return 0, fmt.Errorf("beginning a new HQ epoch: %w", err)
	}
	return uint64(epoch), nil
}

func (t *tx) hqEpoch() (epoch uint64, err error) {
	_, err = t.get("SELECT max(epoch) FROM hq_epoch", nil, &epoch)
	return epoch, err
}

func (t *tx) firstEpoch() error {
	var n int64
	if _, err := t.get("SELECT count(*) FROM hq_epoch", nil, &n); err != nil || n > 0 {
		return err
	}
	return t.newEpoch(max(t.now, 1), "first")
}

func (t *tx) newEpoch(epoch int64, cause string) error {
	_, err := t.exec("INSERT INTO hq_epoch (epoch, cause, made_at) VALUES (?, ?, ?)", epoch, cause, t.now)
	return err
}
