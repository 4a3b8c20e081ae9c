package journal

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"tilld/agent/payment"
	"tilld/sync/wire"
)

// The files of a data directory, and the one on a second medium.
const (
	DatabaseFile = "journal.db"
	LockFile     = "journal.lock"
	SecondFile   = "journal.second"
)

// Config is all that a journal needs from outside. Every field without a default named here must be set.
type Config struct {
	Dir      string // data directory; made when missing, for this user only
	Second   string // directory on another disk for a second copy; it must exist. "": none
	Terminal payment.ID
	Store    string
	Lane     string
	Software string       // name and version of the program, for every entry
	Signer   *wire.Signer // the terminal's key
	// Staged is the key of a change that may have been cut short by a crash: the journal takes it when the
	// last key change names it. Nil: there is none.
	Staged *wire.Signer
	// Cause is written into the first entry of a new journal: CauseRestore when the terminal had a journal
	// before and lost it. 0: CauseFirst.
	Cause payment.Cause

	Now    func() Moment // for the entries that the journal makes itself
	Random io.Reader     // for salts and epochs: crypto/rand.Reader
	Log    *slog.Logger  // nil: nothing is logged

	Free func(dir string) (uint64, error) // bytes that may still be written under a directory; nil: as the system says

	// Wrap, when it is set, stands between the journal and SQLite: to count, to measure, to break. Nil: nothing does.
	Wrap func(driver.Connector) driver.Connector

	openFile func(path string) (file, error) // tests put faults between the journal and the second medium
}

// Moment is when something happened, by the lane's clocks, and the business date that it belongs to. Times
// in entries are notes: only the sequence orders.
type Moment struct {
	Date    payment.Date
	Wall    time.Time
	Boot    time.Duration // since the machine started, sleep included
	HQAge   time.Duration // since the last HQ-signed time; with HQKnown only
	HQKnown bool          // false: no HQ-signed time since the machine started
	Zone    string        // IANA name of the store's zone
}

func (m *Moment) check() error {
	if err := m.Date.Validate(); err != nil {
		return fmt.Errorf("business date: %w", err)
	}
	if m.Wall.IsZero() || m.Zone == "" || m.HQAge < 0 || m.Boot < 0 {
		return errors.New("wall time, zone and ages must be set")
	}
	return nil
}

func (c *Config) check() error {
	switch {
	case c.Dir == "":
		return errors.New("journal: no data directory is given")
	case c.Terminal.IsZero() || c.Signer == nil || c.Now == nil || c.Random == nil:
		return errors.New("journal: terminal, key, clock and randomness must be given")
	}
	if err := wire.CheckName("store", c.Store); err != nil {
		return err
	}
	return wire.CheckName("lane", c.Lane)
}

func (c *Config) defaults() {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Cause == 0 {
		c.Cause = payment.CauseFirst
	}
	if c.Wrap == nil {
		c.Wrap = func(d driver.Connector) driver.Connector { return d }
	}
	if c.openFile == nil {
		c.openFile = openFile
	}
}

func (c *Config) database() string { return filepath.Join(c.Dir, DatabaseFile) }
