-- +goose Up
-- Who holds an account, and by what it is proven. All times are Unix ms of the issuer's clock. No column of a
-- credential has a default: absent is absent.

CREATE TABLE account (
  no            INTEGER PRIMARY KEY,
  pseudonym     BLOB    NOT NULL UNIQUE CHECK (length(pseudonym) = 16), -- as in certificates
  login         TEXT    NOT NULL UNIQUE CHECK (length(login) BETWEEN 3 AND 64),
  password      TEXT    NOT NULL CHECK (password LIKE '$argon2id$%'),
  contact       TEXT    NOT NULL CHECK (length(contact) BETWEEN 6 AND 254),
  confirmed_at  INTEGER, -- the contact was proven
  made_at       INTEGER NOT NULL,
  cooling_from  INTEGER NOT NULL,
  cooling_until INTEGER NOT NULL CHECK (cooling_until >= cooling_from)
) STRICT;
-- +goose StatementBegin
CREATE TRIGGER account_stays BEFORE UPDATE OF no, pseudonym, login, made_at ON account
BEGIN SELECT RAISE(ABORT, 'an account keeps its names'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER account_is_kept BEFORE DELETE ON account
BEGIN SELECT RAISE(ABORT, 'accounts are never deleted'); END;
-- +goose StatementEnd

-- A key is bound once in its life, to one account.
CREATE TABLE phone (
  no       INTEGER PRIMARY KEY,
  account  INTEGER NOT NULL REFERENCES account (no),
  key      BLOB    NOT NULL UNIQUE CHECK (length(key) = 33),
  kid      BLOB    NOT NULL CHECK (length(kid) = 8),
  bound_at INTEGER NOT NULL,
  ended_at INTEGER CHECK (ended_at >= bound_at) -- replaced by another; null: active
) STRICT;
CREATE UNIQUE INDEX phone_active ON phone (account) WHERE ended_at IS NULL;
CREATE INDEX phone_kid ON phone (kid);
-- +goose StatementBegin
CREATE TRIGGER phone_stays BEFORE UPDATE ON phone WHEN OLD.ended_at IS NOT NULL OR NEW.key <> OLD.key
  OR NEW.account <> OLD.account OR NEW.bound_at <> OLD.bound_at OR NEW.kid <> OLD.kid
BEGIN SELECT RAISE(ABORT, 'a phone only ends'); END;
-- +goose StatementEnd

CREATE TABLE recovery (
  account INTEGER NOT NULL REFERENCES account (no),
  hash    BLOB    NOT NULL CHECK (length(hash) = 32),
  used_at INTEGER,
  PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;

-- An outside log-in is an issuer AND a subject, and opens one account.
CREATE TABLE link (
  issuer  TEXT    NOT NULL,
  subject TEXT    NOT NULL,
  account INTEGER NOT NULL REFERENCES account (no),
  made_at INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

-- Of everything handed out that opens something, only the hash is kept.
CREATE TABLE challenge (
  hash    BLOB    PRIMARY KEY CHECK (length(hash) = 32),
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  hash     BLOB    PRIMARY KEY CHECK (length(hash) = 32),
  account  INTEGER NOT NULL REFERENCES account (no),
  phone    INTEGER NOT NULL REFERENCES phone (no),
  made_at  INTEGER NOT NULL,
  used_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_account ON session (account);

CREATE TABLE ticket (
  hash    BLOB    PRIMARY KEY CHECK (length(hash) = 32),
  account INTEGER NOT NULL REFERENCES account (no),
  kind    TEXT    NOT NULL CHECK (kind IN ('confirm', 'reset', 'new_contact', 'keep_contact')),
  ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The one change of contact of an account that waits. It counts from due_at on, if the new address was proven.
CREATE TABLE contact_change (
  account      INTEGER PRIMARY KEY REFERENCES account (no),
  contact      TEXT    NOT NULL,
  due_at       INTEGER NOT NULL,
  confirmed_at INTEGER
) STRICT;

-- An outside log-in that was begun.
CREATE TABLE outside (
  hash     BLOB    PRIMARY KEY CHECK (length(hash) = 32), -- of the state
  provider TEXT    NOT NULL,
  nonce    TEXT    NOT NULL,
  verifier TEXT    NOT NULL, -- of PKCE; worth nothing without the code and the client's own secret
  ends_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notice (
  no      INTEGER PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES account (no),
  kind    TEXT    NOT NULL,
  contact TEXT    NOT NULL, -- as it was when it happened
  phone   BLOB    CHECK (length(phone) = 8), -- the phone that was active then
  at      INTEGER NOT NULL,
  sent_at INTEGER
) STRICT;
CREATE INDEX notice_unsent ON notice (no) WHERE sent_at IS NULL;
