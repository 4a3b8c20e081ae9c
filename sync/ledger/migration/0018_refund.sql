-- +goose Up
-- Money that is given back of payments that stand, from before the operator is asked until it is known what came of it
-- (sync/authorise). An older program would settle what is posted here as something else, so it must not write any more.

CREATE TABLE refund (
  no         INTEGER PRIMARY KEY,
  ref        TEXT    NOT NULL UNIQUE CHECK (length(ref) = 27), -- at the operator too
  id         BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),  -- what ref says
  original   BLOB    NOT NULL CHECK (length(original) = 16),   -- the payment as the lane named it
  payment    INTEGER REFERENCES payment (no),                  -- null: refused, for there is none that fits
  of         TEXT    NOT NULL, -- the attempt whose charge is given back; empty: an approval offline
  whole      INTEGER NOT NULL CHECK (whole IN (0, 1)),
  terminal   BLOB    NOT NULL CHECK (length(terminal) = 16), -- that asked, and where it stood
  store      TEXT    NOT NULL,
  lane       TEXT    NOT NULL,
  wallet     TEXT    NOT NULL,
  amount     INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
  currency   TEXT    NOT NULL,
  reference  TEXT    NOT NULL,
  made       INTEGER NOT NULL, -- HQ's clock, Unix ms, like all times here
  state      INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5), -- authorise.RefundState
  call       INTEGER NOT NULL CHECK (call BETWEEN 0 AND 3),  -- authorise.Call
  due        INTEGER,                                        -- when; null: nothing is
  tries      INTEGER NOT NULL CHECK (tries >= 0),
  trouble    INTEGER NOT NULL CHECK (trouble BETWEEN 0 AND 4), -- authorise.Trouble
  no_cancel  INTEGER NOT NULL CHECK (no_cancel IN (0, 1)),
  why        INTEGER NOT NULL CHECK (why >= 0), -- operator.Why
  txn        TEXT    NOT NULL,
  said       TEXT    NOT NULL,
  version    INTEGER NOT NULL CHECK (version > 0),
  CHECK (payment IS NOT NULL OR state = 4)
) STRICT;
CREATE INDEX refund_payment ON refund (payment) WHERE payment IS NOT NULL;
CREATE INDEX refund_due ON refund (due) WHERE due IS NOT NULL;
CREATE INDEX refund_trouble ON refund (no) WHERE trouble <> 0;
-- +goose StatementBegin
CREATE TRIGGER refund_is_kept BEFORE DELETE ON refund
BEGIN SELECT RAISE(ABORT, 'refunds are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER refund_stays BEFORE UPDATE OF no, ref, id, original, payment, of, whole, terminal, store, lane, wallet, amount,
  currency, reference, made ON refund
BEGIN SELECT RAISE(ABORT, 'only what became of a refund changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER refund_goes_on BEFORE UPDATE ON refund WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'a refund changes one version at a time'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER refund_is_over BEFORE UPDATE OF state ON refund WHEN OLD.state IN (3, 4) AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'a refund ends once'); END;
-- +goose StatementEnd
-- Never more than was paid, whoever writes.
-- +goose StatementBegin
CREATE TRIGGER refund_within AFTER INSERT ON refund WHEN NEW.state <> 4 AND
  (SELECT sum(amount) FROM refund WHERE payment = NEW.payment AND state <> 4) > (SELECT amount FROM payment WHERE no = NEW.payment)
BEGIN SELECT RAISE(ABORT, 'a payment is given back once'); END;
-- +goose StatementEnd

-- What people decided about refunds that HQ could not end by itself. Kept for good.
CREATE TABLE refund_decision (
  no         INTEGER PRIMARY KEY,
  refund     INTEGER NOT NULL REFERENCES refund (no),
  what       TEXT    NOT NULL CHECK (what IN ('complete', 'cleared')), -- credited by hand; left alone
  state      INTEGER NOT NULL, -- of the refund when it was decided
  trouble    INTEGER NOT NULL, -- that it was decided about
  decided_at INTEGER NOT NULL,
  decided_by TEXT    NOT NULL CHECK (decided_by <> ''),
  why        TEXT    NOT NULL CHECK (why <> '')
) STRICT;
-- +goose StatementBegin
CREATE TRIGGER refund_decision_is_kept BEFORE DELETE ON refund_decision
BEGIN SELECT RAISE(ABORT, 'decisions are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER refund_decision_stays BEFORE UPDATE ON refund_decision
BEGIN SELECT RAISE(ABORT, 'decisions never change'); END;
-- +goose StatementEnd

-- Transfers and lines of batches get a new cause and a new name: SQLite changes no CHECK, so the tables are made anew.
CREATE TABLE transfer_new (
  no        INTEGER PRIMARY KEY, -- the order of posting
  debit     INTEGER NOT NULL REFERENCES account (no),
  credit    INTEGER NOT NULL REFERENCES account (no),
  amount    INTEGER NOT NULL CHECK (amount > 0),
  dimension INTEGER NOT NULL REFERENCES dimension (no),
  cause     TEXT    NOT NULL CHECK (cause IN ('approved', 'suspense', 'void', 'decided', 'cut', 'refund')),
  payment   INTEGER REFERENCES payment (no),
  entry     INTEGER REFERENCES entry (no),     -- that it follows from
  exception INTEGER REFERENCES exception (no), -- that it waits for or was decided by
  batch     INTEGER REFERENCES batch (no),
  posted_at INTEGER NOT NULL,
  refund    INTEGER REFERENCES refund (no),
  CHECK (debit <> credit),
  CHECK ((cause = 'cut') = (batch IS NOT NULL) AND (cause = 'cut') = (payment IS NULL) AND (payment IS NULL) = (entry IS NULL)),
  CHECK ((cause IN ('suspense', 'decided')) = (exception IS NOT NULL)),
  CHECK ((cause = 'refund') = (refund IS NOT NULL))
) STRICT;
INSERT INTO transfer_new SELECT no, debit, credit, amount, dimension, cause, payment, entry, exception, batch, posted_at, NULL FROM transfer ORDER BY no;
DROP TABLE transfer;
ALTER TABLE transfer_new RENAME TO transfer;
CREATE INDEX transfer_payment ON transfer (payment) WHERE payment IS NOT NULL;
CREATE UNIQUE INDEX transfer_refund ON transfer (refund) WHERE refund IS NOT NULL; -- given back once
-- +goose StatementBegin
CREATE TRIGGER transfer_is_kept BEFORE DELETE ON transfer
BEGIN SELECT RAISE(ABORT, 'transfers are never deleted: post the reverse'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER transfer_stays BEFORE UPDATE ON transfer
BEGIN SELECT RAISE(ABORT, 'transfers are never changed: post the reverse'); END;
-- +goose StatementEnd

CREATE TABLE batch_line_new (
  entry    BLOB    NOT NULL CHECK (length(entry) = 32), -- hash of the journal entry
  kind     TEXT    NOT NULL CHECK (kind IN ('payment', 'void', 'refund', 'adjustment')),
  decision BLOB    NOT NULL CHECK (length(decision) = 16 * (kind IN ('adjustment', 'refund'))), -- the exception, or the refund
  back     INTEGER NOT NULL CHECK (back IN (0, 1)),
  batch    INTEGER NOT NULL REFERENCES batch (no),
  payment  BLOB    NOT NULL CHECK (length(payment) = 16),
  amount   INTEGER NOT NULL CHECK ((amount < 0) = back AND amount <> 0),
  PRIMARY KEY (entry, kind, decision, back)
) STRICT, WITHOUT ROWID;
INSERT INTO batch_line_new SELECT entry, kind, decision, back, batch, payment, amount FROM batch_line;
DROP TABLE batch_line;
ALTER TABLE batch_line_new RENAME TO batch_line;
CREATE INDEX batch_line_batch ON batch_line (batch);
CREATE INDEX batch_line_payment ON batch_line (payment);
-- +goose StatementBegin
CREATE TRIGGER batch_line_is_kept BEFORE DELETE ON batch_line
BEGIN SELECT RAISE(ABORT, 'a batch keeps its lines'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER batch_line_stays BEFORE UPDATE ON batch_line
BEGIN SELECT RAISE(ABORT, 'a batch keeps its lines'); END;
-- +goose StatementEnd

PRAGMA user_version = 18;
