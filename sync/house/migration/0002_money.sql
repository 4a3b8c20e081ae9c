-- +goose Up
-- Money: an append-only list of movements whose sum is the balance, and what they come from. Amounts are minor units
-- of the wallet's one currency.

CREATE TABLE movement (
  no      INTEGER PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES account (no),
  cause   TEXT    NOT NULL CHECK (cause IN ('topup', 'charge', 'refund', 'reversal', 'offline')),
  ref     TEXT    NOT NULL, -- of the cause
  amount  INTEGER NOT NULL CHECK (amount <> 0 AND (amount > 0) = (cause IN ('topup', 'refund', 'reversal'))),
  balance INTEGER NOT NULL CHECK (balance >= 0), -- after it
  at      INTEGER NOT NULL,
  UNIQUE (cause, ref)
) STRICT;
CREATE INDEX movement_account ON movement (account, no, balance);
CREATE INDEX movement_at ON movement (account, at, cause, amount);
-- +goose StatementBegin
CREATE TRIGGER movement_adds_up BEFORE INSERT ON movement
WHEN NEW.balance <> NEW.amount + coalesce((SELECT balance FROM movement WHERE account = NEW.account ORDER BY no DESC LIMIT 1), 0)
BEGIN SELECT RAISE(ABORT, 'a movement continues the balance before it'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER movement_stays BEFORE UPDATE ON movement
BEGIN SELECT RAISE(ABORT, 'movements are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER movement_is_kept BEFORE DELETE ON movement
BEGIN SELECT RAISE(ABORT, 'movements are never deleted'); END;
-- +goose StatementEnd

CREATE TABLE topup (
  ref      TEXT    PRIMARY KEY CHECK (length(ref) BETWEEN 1 AND 32),
  account  INTEGER NOT NULL REFERENCES account (no),
  amount   INTEGER NOT NULL CHECK (amount > 0),
  source   TEXT    NOT NULL,
  state    TEXT    NOT NULL CHECK (state IN ('asked', 'credited', 'refused')),
  asked_at INTEGER NOT NULL,
  ended_at INTEGER,
  CHECK ((ended_at IS NULL) = (state = 'asked'))
) STRICT, WITHOUT ROWID;
CREATE INDEX topup_account ON topup (account, asked_at);
CREATE INDEX topup_asked ON topup (asked_at) WHERE state = 'asked';
-- +goose StatementBegin
CREATE TRIGGER topup_ends_once BEFORE UPDATE ON topup WHEN OLD.state <> 'asked' OR NEW.amount <> OLD.amount OR NEW.account <> OLD.account
BEGIN SELECT RAISE(ABORT, 'a top-up ends once'); END;
-- +goose StatementEnd

CREATE TABLE certificate (
  no         INTEGER PRIMARY KEY,
  id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 8),
  account    INTEGER NOT NULL REFERENCES account (no),
  phone      INTEGER NOT NULL REFERENCES phone (no),
  cap        INTEGER NOT NULL CHECK (cap > 0),
  left       INTEGER NOT NULL CHECK (left BETWEEN 0 AND cap), -- of the earmark, not yet drawn
  not_before INTEGER NOT NULL,
  expires_at INTEGER NOT NULL CHECK (expires_at > not_before),
  release_at INTEGER NOT NULL CHECK (release_at >= expires_at),
  released   INTEGER NOT NULL CHECK (released IN (0, 1)), -- the earmark is over
  bytes      BLOB    NOT NULL
) STRICT;
CREATE INDEX certificate_held ON certificate (account, left) WHERE released = 0;
CREATE INDEX certificate_live ON certificate (expires_at);
-- +goose StatementBegin
CREATE TRIGGER certificate_stays BEFORE UPDATE ON certificate WHEN NEW.left > OLD.left OR NEW.released < OLD.released
  OR NEW.cap <> OLD.cap OR NEW.account <> OLD.account OR NEW.expires_at <> OLD.expires_at OR (OLD.released = 1 AND NEW.left <> OLD.left)
BEGIN SELECT RAISE(ABORT, 'an earmark only shrinks, until it is released'); END;
-- +goose StatementEnd

-- Each counter of a phone's key pays once.
CREATE TABLE spent (
  phone   BLOB    NOT NULL CHECK (length(phone) = 8),
  counter INTEGER NOT NULL CHECK (counter > 0),
  ref     TEXT    NOT NULL,
  PRIMARY KEY (phone, counter)
) STRICT, WITHOUT ROWID;

CREATE TABLE charge (
  no       INTEGER PRIMARY KEY,
  ref      TEXT    NOT NULL UNIQUE CHECK (length(ref) BETWEEN 1 AND 32),
  account  INTEGER REFERENCES account (no), -- null: a tombstone, or a code of nobody
  print    BLOB    NOT NULL CHECK (length(print) IN (0, 32)), -- of what was asked, the code among it; empty: a tombstone
  amount   INTEGER NOT NULL CHECK ((amount > 0) = (print <> x'')),
  store    TEXT    NOT NULL,
  lane     TEXT    NOT NULL,
  state    TEXT    NOT NULL CHECK (state IN ('paid', 'declined', 'reversed')),
  why      INTEGER NOT NULL CHECK ((why <> 0) = (state = 'declined')), -- rule.Refusal
  given    INTEGER NOT NULL CHECK (given BETWEEN 0 AND amount), -- back
  at       INTEGER NOT NULL,
  CHECK (state = 'declined' OR account IS NOT NULL OR (state = 'reversed' AND given = 0))
) STRICT;
CREATE INDEX charge_account ON charge (account, at);

CREATE TABLE refund (
  ref    TEXT    PRIMARY KEY CHECK (length(ref) BETWEEN 1 AND 32),
  charge INTEGER NOT NULL REFERENCES charge (no),
  amount INTEGER NOT NULL CHECK (amount > 0),
  at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What lanes approved offline and HQ brought.
CREATE TABLE offline (
  payment     BLOB    PRIMARY KEY CHECK (length(payment) = 16),
  print       BLOB    NOT NULL CHECK (length(print) = 32),
  account     INTEGER NOT NULL REFERENCES account (no),
  certificate INTEGER NOT NULL REFERENCES certificate (no),
  amount      INTEGER NOT NULL CHECK (amount > 0),
  earmark     INTEGER NOT NULL CHECK (earmark >= 0),
  free        INTEGER NOT NULL CHECK (free >= 0),
  lost        INTEGER NOT NULL CHECK (lost >= 0),
  store       TEXT    NOT NULL,
  lane        TEXT    NOT NULL,
  sold_at     INTEGER NOT NULL, -- by the code
  at          INTEGER NOT NULL,
  CHECK (earmark + free + lost = amount)
) STRICT, WITHOUT ROWID;

-- What velocity rules count. Rows are forgotten after a day.
CREATE TABLE tally (
  no      INTEGER PRIMARY KEY,
  kind    INTEGER NOT NULL,
  subject TEXT    NOT NULL,
  source  TEXT    NOT NULL,
  at      INTEGER NOT NULL
) STRICT;
CREATE INDEX tally_seen ON tally (kind, subject, at, source);
CREATE INDEX tally_at ON tally (at);

CREATE TABLE stop (
  no        INTEGER PRIMARY KEY,
  account   INTEGER NOT NULL REFERENCES account (no),
  reason    INTEGER NOT NULL CHECK (reason > 0), -- rule.Reason
  by        TEXT    NOT NULL, -- "" is a rule
  why       TEXT    NOT NULL,
  at        INTEGER NOT NULL,
  lifted_at INTEGER,
  lifted_by TEXT,
  lift_why  TEXT,
  CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_why IS NULL))
) STRICT;
CREATE UNIQUE INDEX stop_open ON stop (account, reason) WHERE lifted_at IS NULL;

-- The switch for everything: the last row counts.
CREATE TABLE switch (
  no       INTEGER PRIMARY KEY,
  spending INTEGER NOT NULL CHECK (spending IN (0, 1)), -- 1: stopped
  topups   INTEGER NOT NULL CHECK (topups IN (0, 1)),
  by       TEXT    NOT NULL, -- "" is a rule
  why      TEXT    NOT NULL CHECK (why <> ''),
  at       INTEGER NOT NULL
) STRICT;

-- Up to when everything that lanes sold offline has been brought here.
CREATE TABLE settled (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  until INTEGER NOT NULL
) STRICT;
