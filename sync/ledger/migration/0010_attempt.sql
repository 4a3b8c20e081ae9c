-- +goose Up
-- Attempts to be paid by a wallet operator, from before the operator is asked until nothing can come of them any more
-- (sync/authorise). No customer's code is in here.

CREATE TABLE attempt (
  no            INTEGER PRIMARY KEY,
  ref           TEXT    NOT NULL UNIQUE CHECK (length(ref) BETWEEN 1 AND 32), -- at the operator too
  payment       BLOB    NOT NULL CHECK (length(payment) = 16),
  sale          BLOB    NOT NULL CHECK (length(sale) = 16), -- zeros: none was named
  terminal      BLOB    NOT NULL CHECK (length(terminal) = 16),
  store         TEXT    NOT NULL,
  lane          TEXT    NOT NULL,
  wallet        TEXT    NOT NULL,
  merchant      TEXT    NOT NULL, -- the operator's names for the place
  shop_store    TEXT    NOT NULL,
  shop_terminal TEXT    NOT NULL,
  amount        INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
  currency      TEXT    NOT NULL,
  reference     TEXT    NOT NULL,
  made          INTEGER NOT NULL, -- HQ's clock, Unix ms, like all times here
  state         INTEGER NOT NULL CHECK (state BETWEEN 1 AND 9), -- authorise.State
  call          INTEGER NOT NULL CHECK (call BETWEEN 0 AND 4),  -- authorise.Call: what is next
  due           INTEGER,                                        -- when; null: nothing is
  tries         INTEGER NOT NULL CHECK (tries >= 0),
  trouble       INTEGER NOT NULL CHECK (trouble BETWEEN 0 AND 4), -- authorise.Trouble
  no_undo       INTEGER NOT NULL CHECK (no_undo IN (0, 1)),
  checked       INTEGER NOT NULL CHECK (checked IN (0, 1)),
  why           INTEGER NOT NULL CHECK (why >= 0), -- operator.Why
  txn           TEXT    NOT NULL, -- the operator's own name for the charge
  at            INTEGER,
  said          TEXT    NOT NULL,
  version       INTEGER NOT NULL CHECK (version > 0)
) STRICT;
CREATE INDEX attempt_payment ON attempt (payment);
CREATE INDEX attempt_due ON attempt (due) WHERE due IS NOT NULL;
CREATE INDEX attempt_trouble ON attempt (no) WHERE trouble <> 0;
-- +goose StatementBegin
CREATE TRIGGER attempt_is_kept BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER attempt_stays BEFORE UPDATE OF no, ref, payment, sale, terminal, store, lane, wallet, merchant, shop_store,
  shop_terminal, amount, currency, reference, made ON attempt
BEGIN SELECT RAISE(ABORT, 'only what became of an attempt changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER attempt_goes_on BEFORE UPDATE ON attempt WHEN NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'an attempt changes one version at a time'); END;
-- +goose StatementEnd
