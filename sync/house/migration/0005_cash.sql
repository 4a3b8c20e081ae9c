-- +goose Up
-- Top-ups with cash that a lane has counted. One more cause for movements each way: the table is made anew, since a
-- check can't be changed.

CREATE TABLE movement_new (
  no      INTEGER PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES account (no),
  cause   TEXT    NOT NULL CHECK (cause IN ('topup', 'charge', 'refund', 'reversal', 'offline', 'cash', 'cash_back')),
  ref     TEXT    NOT NULL, -- of the cause
  amount  INTEGER NOT NULL CHECK (amount <> 0 AND (amount > 0) = (cause IN ('topup', 'refund', 'reversal', 'cash'))),
  balance INTEGER NOT NULL CHECK (balance >= 0), -- after it
  at      INTEGER NOT NULL,
  UNIQUE (cause, ref)
) STRICT;
INSERT INTO movement_new SELECT no, account, cause, ref, amount, balance, at FROM movement ORDER BY no;
DROP TABLE movement;
ALTER TABLE movement_new RENAME TO movement;
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

CREATE TABLE cash (
  no      INTEGER PRIMARY KEY,
  ref     TEXT    NOT NULL UNIQUE CHECK (length(ref) BETWEEN 1 AND 32),
  account INTEGER REFERENCES account (no), -- null: a tombstone, or a code of nobody
  print   BLOB    NOT NULL CHECK (length(print) IN (0, 32)), -- of what was asked, the code among it; empty: a tombstone
  amount  INTEGER NOT NULL CHECK ((amount > 0) = (print <> x'')),
  store   TEXT    NOT NULL,
  lane    TEXT    NOT NULL,
  state   TEXT    NOT NULL CHECK (state IN ('credited', 'declined', 'reversed')),
  why     INTEGER NOT NULL CHECK ((why <> 0) = (state = 'declined')), -- rule.Refusal
  at      INTEGER NOT NULL,
  CHECK (state <> 'credited' OR account IS NOT NULL)
) STRICT;
CREATE INDEX cash_account ON cash (account, at);
-- +goose StatementBegin
CREATE TRIGGER cash_goes_back_once BEFORE UPDATE ON cash WHEN OLD.state <> 'credited' OR NEW.state <> 'reversed' OR NEW.amount <> OLD.amount
  OR NEW.account <> OLD.account OR NEW.ref <> OLD.ref
BEGIN SELECT RAISE(ABORT, 'a credit is only taken back, once'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER cash_is_kept BEFORE DELETE ON cash
BEGIN SELECT RAISE(ABORT, 'cash is never deleted'); END;
-- +goose StatementEnd
