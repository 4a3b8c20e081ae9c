-- +goose Up
-- Settlement batches: recorded decisions about which lines are settled together. Their bytes are archived
-- apart from the ledger, before they are here.

CREATE TABLE batch (
  no              INTEGER PRIMARY KEY, -- the order in which they became visible: the cursor of those who pull
  id              BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
  wallet          TEXT    NOT NULL,
  currency        TEXT    NOT NULL,
  settlement_date INTEGER NOT NULL,
  number          INTEGER NOT NULL CHECK (number >= 1),
  hq_epoch        INTEGER NOT NULL,
  cause           TEXT    NOT NULL CHECK (cause IN ('day', 'part', 'now')),
  root            BLOB    NOT NULL CHECK (length(root) = 32),
  count           INTEGER NOT NULL CHECK (count >= 0),
  sum             INTEGER NOT NULL,
  as_of           INTEGER NOT NULL,
  cut_at          TEXT    NOT NULL,
  committed_at    INTEGER NOT NULL,
  UNIQUE (wallet, currency, settlement_date, number)
) STRICT;
CREATE UNIQUE INDEX batch_day ON batch (wallet, currency, settlement_date) WHERE cause = 'day';

-- The fixed members. They are named by what they are and not by a transfer, because after a restore the
-- batch may be here before the entries are.
CREATE TABLE batch_line (
  entry    BLOB    NOT NULL CHECK (length(entry) = 32), -- hash of the journal entry
  kind     TEXT    NOT NULL CHECK (kind IN ('payment', 'void', 'refund', 'adjustment')),
  decision BLOB    NOT NULL CHECK (length(decision) = 16 * (kind = 'adjustment')), -- the exception
  back     INTEGER NOT NULL CHECK (back IN (0, 1)),
  batch    INTEGER NOT NULL REFERENCES batch (no),
  payment  BLOB    NOT NULL CHECK (length(payment) = 16),
  amount   INTEGER NOT NULL CHECK ((amount < 0) = back AND amount <> 0),
  PRIMARY KEY (entry, kind, decision, back)
) STRICT, WITHOUT ROWID;
CREATE INDEX batch_line_batch ON batch_line (batch);
CREATE INDEX batch_line_payment ON batch_line (payment);

-- +goose StatementBegin
CREATE TRIGGER batch_is_kept BEFORE DELETE ON batch
BEGIN SELECT RAISE(ABORT, 'batches are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER batch_stays BEFORE UPDATE ON batch
BEGIN SELECT RAISE(ABORT, 'batches are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER batch_line_is_kept BEFORE DELETE ON batch_line
BEGIN SELECT RAISE(ABORT, 'a batch keeps its lines'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER batch_line_stays BEFORE UPDATE ON batch_line
BEGIN SELECT RAISE(ABORT, 'a batch keeps its lines'); END;
-- +goose StatementEnd

-- Up to which transfer every line of an account is in a batch, so that a cut doesn't look at the whole past.
CREATE TABLE settled (
  wallet   TEXT    NOT NULL,
  currency TEXT    NOT NULL,
  transfer INTEGER NOT NULL,
  PRIMARY KEY (wallet, currency)
) STRICT, WITHOUT ROWID;
