-- +goose Up
-- What the issuer of a wallet was told of payments that lanes took offline, and what it has HQ tell lanes.

-- How far a wallet's transfers have been gone through.
CREATE TABLE presenting (
  wallet   TEXT    PRIMARY KEY CHECK (wallet <> ''),
  transfer INTEGER NOT NULL CHECK (transfer >= 0)
) STRICT, WITHOUT ROWID;

-- What became of each payment at its issuer.
CREATE TABLE presented (
  payment INTEGER PRIMARY KEY REFERENCES payment (no),
  state   TEXT    NOT NULL CHECK (state IN ('presented', 'refused', 'withdrawn')),
  said    TEXT    NOT NULL, -- how it was covered, or why it was refused; never a customer's code
  at      INTEGER NOT NULL
) STRICT;
CREATE INDEX presented_refused ON presented (payment) WHERE state = 'refused';
-- +goose StatementBegin
CREATE TRIGGER presented_is_kept BEFORE DELETE ON presented
BEGIN SELECT RAISE(ABORT, 'what an issuer was told is never deleted'); END;
-- +goose StatementEnd

-- Whom lanes must refuse by an issuer's word, with the policies that began and ended it. What a person put into the
-- policy is not in here, and stays in it whatever the issuer says.
CREATE TABLE issuer_word (
  no     INTEGER PRIMARY KEY,
  wallet TEXT    NOT NULL,
  kind   TEXT    NOT NULL CHECK (kind IN ('account', 'phone', 'issuer')),
  id     BLOB    NOT NULL CHECK (length(id) IN (8, 16)),
  since  INTEGER NOT NULL CHECK (since > 0), -- version of the policy
  ended  INTEGER CHECK (ended > since),
  at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX issuer_word_stands ON issuer_word (wallet, kind, id) WHERE ended IS NULL;
-- +goose StatementBegin
CREATE TRIGGER issuer_word_is_kept BEFORE DELETE ON issuer_word
BEGIN SELECT RAISE(ABORT, 'what an issuer said is never deleted'); END;
-- +goose StatementEnd
