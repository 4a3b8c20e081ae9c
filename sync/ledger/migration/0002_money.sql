-- +goose Up
-- What HQ made of the entries. Amounts are minor units of the currency of the row's dimension.

CREATE TABLE account (
  no   INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL CHECK (type IN ('asset', 'liability', 'loss'))
) STRICT;
INSERT INTO account (no, name, type) VALUES
  (1100, 'wallet receivable', 'asset'),
  (1900, 'suspense claims', 'asset'),
  (2100, 'store payable', 'liability'),
  (2400, 'settlement payable', 'liability'),
  (2900, 'suspense held for stores', 'liability'),
  (5100, 'loss: code spent twice', 'loss'),
  (5200, 'loss: outside the policy', 'loss'),
  (5290, 'loss borne by stores', 'loss'),
  (5300, 'loss: unverifiable approval', 'loss'),
  (5400, 'loss: forked journal', 'loss');

-- What every posting carries besides its accounts.
CREATE TABLE dimension (
  no            INTEGER PRIMARY KEY,
  entity        TEXT    NOT NULL,
  store         TEXT    NOT NULL,
  lane          TEXT    NOT NULL,
  terminal      BLOB    NOT NULL CHECK (length(terminal) = 16),
  wallet        TEXT    NOT NULL,
  business_date INTEGER NOT NULL,
  currency      TEXT    NOT NULL CHECK (length(currency) = 3),
  UNIQUE (business_date, terminal, wallet, currency, entity, store, lane)
) STRICT;

-- One row per approval that was judged. The states are described at the Go type State.
CREATE TABLE payment (
  no        INTEGER PRIMARY KEY,
  id        BLOB    NOT NULL CHECK (length(id) = 16), -- a second entry under the same identifier has a row of its own, in suspense
  sale      BLOB    CHECK (length(sale) = 16),
  entry     INTEGER NOT NULL UNIQUE REFERENCES entry (no),
  dimension INTEGER NOT NULL REFERENCES dimension (no),
  amount    INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
  state     TEXT    NOT NULL CHECK (state IN ('posted', 'suspense', 'lost', 'voided')),
  void      INTEGER REFERENCES entry (no),
  policy    INTEGER NOT NULL,
  account   BLOB, -- the issuer's pseudonym, from the verified code; erased with the entry's body
  taken_at  INTEGER NOT NULL, -- by the lane's clock: a note
  CHECK ((void IS NULL) = (state <> 'voided'))
) STRICT;
CREATE INDEX payment_id ON payment (id);
CREATE INDEX payment_dimension ON payment (dimension);
CREATE INDEX payment_void ON payment (void) WHERE void IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER payment_is_kept BEFORE DELETE ON payment
BEGIN SELECT RAISE(ABORT, 'payments are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_stays BEFORE UPDATE OF no, id, sale, entry, dimension, amount, policy, taken_at ON payment
BEGIN SELECT RAISE(ABORT, 'only a payment''s state changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_forgets BEFORE UPDATE OF account ON payment WHEN NEW.account IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'an account can only be erased'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payment_voided BEFORE UPDATE OF state, void ON payment WHEN OLD.state = 'voided'
BEGIN SELECT RAISE(ABORT, 'a voided payment stays voided'); END;
-- +goose StatementEnd

-- Which payment a signed code was spent on first: one code, one payment.
CREATE TABLE spent (
  phone   BLOB    NOT NULL CHECK (length(phone) = 8),
  counter INTEGER NOT NULL,
  payment INTEGER NOT NULL REFERENCES payment (no),
  PRIMARY KEY (phone, counter)
) STRICT, WITHOUT ROWID;

-- What an account spent in one epoch of one lane on a business date, voids taken off.
CREATE TABLE account_day (
  epoch         INTEGER NOT NULL REFERENCES epoch (no),
  business_date INTEGER NOT NULL,
  account       BLOB    NOT NULL,
  currency      TEXT    NOT NULL,
  spent         INTEGER NOT NULL,
  PRIMARY KEY (epoch, business_date, account, currency)
) STRICT, WITHOUT ROWID;

CREATE TABLE exception (
  no          INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16), -- follows from the entry and the kind
  kind        TEXT    NOT NULL,
  owner       TEXT    NOT NULL,
  terminal    INTEGER NOT NULL REFERENCES terminal (no),
  entry       INTEGER NOT NULL REFERENCES entry (no),
  payment     INTEGER REFERENCES payment (no), -- null: no money waits
  detail      TEXT    NOT NULL,
  state       TEXT    NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'resolved')),
  opened_at   INTEGER NOT NULL,
  outcome     TEXT    CHECK (outcome IN ('receivable', 'loss', 'voided', 'noted')),
  account     INTEGER REFERENCES account (no), -- the loss account of an outcome 'loss'
  resolved_at INTEGER,
  resolved_by TEXT,
  why         TEXT,
  CHECK ((state = 'resolved') = (outcome IS NOT NULL)),
  CHECK ((outcome IS NULL) = (resolved_at IS NULL) AND (outcome IS NULL) = (resolved_by IS NULL) AND (outcome IS NULL) = (why IS NULL)),
  CHECK ((outcome IS 'loss') = (account IS NOT NULL)),
  CHECK (payment IS NOT NULL OR outcome IS NULL OR outcome = 'noted')
) STRICT;
CREATE INDEX exception_entry ON exception (entry);
CREATE INDEX exception_terminal ON exception (terminal, no);
CREATE INDEX exception_open ON exception (no) WHERE state = 'open';
CREATE INDEX exception_payment ON exception (payment) WHERE payment IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER exception_is_kept BEFORE DELETE ON exception
BEGIN SELECT RAISE(ABORT, 'exceptions are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER exception_decided BEFORE UPDATE ON exception WHEN OLD.state = 'resolved'
BEGIN SELECT RAISE(ABORT, 'an exception is decided once'); END;
-- +goose StatementEnd

-- The money. One row takes an amount from one account to another, so debits and credits are equal in every
-- currency, row by row, whatever is summed.
CREATE TABLE transfer (
  no        INTEGER PRIMARY KEY, -- the order of posting
  debit     INTEGER NOT NULL REFERENCES account (no),
  credit    INTEGER NOT NULL REFERENCES account (no),
  amount    INTEGER NOT NULL CHECK (amount > 0),
  dimension INTEGER NOT NULL REFERENCES dimension (no),
  cause     TEXT    NOT NULL CHECK (cause IN ('approved', 'suspense', 'void', 'decided', 'cut')),
  payment   INTEGER REFERENCES payment (no),
  entry     INTEGER REFERENCES entry (no),     -- that it follows from
  exception INTEGER REFERENCES exception (no), -- that it waits for or was decided by
  batch     INTEGER REFERENCES batch (no),
  posted_at INTEGER NOT NULL,
  CHECK (debit <> credit),
  CHECK ((cause = 'cut') = (batch IS NOT NULL) AND (cause = 'cut') = (payment IS NULL) AND (payment IS NULL) = (entry IS NULL)),
  CHECK ((cause IN ('suspense', 'decided')) = (exception IS NOT NULL))
) STRICT;
CREATE INDEX transfer_payment ON transfer (payment) WHERE payment IS NOT NULL;

-- +goose StatementBegin
CREATE TRIGGER transfer_is_kept BEFORE DELETE ON transfer
BEGIN SELECT RAISE(ABORT, 'transfers are never deleted: post the reverse'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER transfer_stays BEFORE UPDATE ON transfer
BEGIN SELECT RAISE(ABORT, 'transfers are never changed: post the reverse'); END;
-- +goose StatementEnd

-- Sums of the transfers, kept in the same transaction; Check compares them with the transfers themselves.
CREATE TABLE balance (
  dimension INTEGER NOT NULL REFERENCES dimension (no),
  account   INTEGER NOT NULL REFERENCES account (no),
  debits    INTEGER NOT NULL CHECK (debits >= 0),
  credits   INTEGER NOT NULL CHECK (credits >= 0),
  PRIMARY KEY (dimension, account)
) STRICT, WITHOUT ROWID;

-- A lane's day-close and whether HQ counts the same.
CREATE TABLE day_close (
  entry         INTEGER PRIMARY KEY REFERENCES entry (no),
  terminal      INTEGER NOT NULL REFERENCES terminal (no),
  business_date INTEGER NOT NULL,
  first_seq     INTEGER NOT NULL,
  agrees        INTEGER NOT NULL CHECK (agrees IN (0, 1))
) STRICT;
CREATE INDEX day_close_terminal ON day_close (terminal, business_date);
