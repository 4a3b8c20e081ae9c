-- +goose Up
-- Sales figures: which sales came with basket lines under a policy that lets HQ export them, and which were paid and
-- taken back since. Rows of figure are never changed, so that what was exported once is exported the same again.

CREATE TABLE basket (
  entry    INTEGER PRIMARY KEY REFERENCES entry (no), -- the sale's opening: its body has the lines, until it is erased
  terminal INTEGER NOT NULL REFERENCES terminal (no),
  sale     BLOB    NOT NULL CHECK (length(sale) = 16)
) STRICT;
CREATE INDEX basket_sale ON basket (sale);

CREATE TABLE figure (
  no            INTEGER PRIMARY KEY, -- the order of judging
  business_date INTEGER NOT NULL,    -- of the payment
  store         TEXT    NOT NULL,
  payment       INTEGER NOT NULL REFERENCES payment (no),
  basket        INTEGER NOT NULL REFERENCES basket (entry),
  cause         TEXT    NOT NULL CHECK (cause IN ('sold', 'void')),
  accounts      INTEGER NOT NULL CHECK (accounts IN (0, 1)), -- the policy lets the account's pseudonym stand beside it
  UNIQUE (payment, cause)
) STRICT;
CREATE INDEX figure_date ON figure (business_date, no);
CREATE INDEX figure_store ON figure (business_date, store, no);
CREATE INDEX figure_basket ON figure (basket);

-- +goose StatementBegin
CREATE TRIGGER figure_is_kept BEFORE DELETE ON figure
BEGIN SELECT RAISE(ABORT, 'sales figures are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER figure_stays BEFORE UPDATE ON figure
BEGIN SELECT RAISE(ABORT, 'sales figures are never changed'); END;
-- +goose StatementEnd

-- Who had an account erased, and what that erased. The account is told by its pseudonym only.
CREATE TABLE erasure (
  no        INTEGER PRIMARY KEY,
  at        INTEGER NOT NULL,
  by        TEXT    NOT NULL,
  why       TEXT    NOT NULL,
  pseudonym BLOB    NOT NULL CHECK (length(pseudonym) = 16),
  payments  INTEGER NOT NULL, -- of the account
  bodies    INTEGER NOT NULL, -- that were erased
  kept      INTEGER NOT NULL  -- that an open exception needs
) STRICT;
