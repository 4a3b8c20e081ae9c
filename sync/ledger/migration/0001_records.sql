-- +goose Up
-- What lanes signed. Times are Unix milliseconds, UTC. Dates are yyyymmdd. An epoch of a lane and nothing
-- else is a full 64-bit number and is kept as the signed number of the same bits.

CREATE TABLE hq_epoch (
  epoch   INTEGER PRIMARY KEY, -- when this life of the ledger began; only ever higher
  cause   TEXT    NOT NULL CHECK (cause IN ('first', 'restore')),
  made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE terminal (
  no          INTEGER PRIMARY KEY,
  id          BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
  entity      TEXT    NOT NULL CHECK (length(entity) BETWEEN 1 AND 32),
  store       TEXT    NOT NULL CHECK (length(store) BETWEEN 1 AND 32),
  lane        TEXT    NOT NULL CHECK (length(lane) BETWEEN 1 AND 32),
  added_at    INTEGER NOT NULL,
  revoked_at  INTEGER,
  revoked_by  TEXT,
  revoked_why TEXT,
  CHECK ((revoked_at IS NULL) = (revoked_by IS NULL) AND (revoked_at IS NULL) = (revoked_why IS NULL))
) STRICT;

-- Postings carry a terminal's place and payee as they were: another place is another terminal.
-- +goose StatementBegin
CREATE TRIGGER terminal_stays BEFORE UPDATE OF id, entity, store, lane ON terminal
BEGIN SELECT RAISE(ABORT, 'a terminal keeps its place: add another'); END;
-- +goose StatementEnd

-- One row per epoch of a terminal's journal.
CREATE TABLE epoch (
  no         INTEGER PRIMARY KEY,
  terminal   INTEGER NOT NULL REFERENCES terminal (no),
  epoch      INTEGER NOT NULL,
  known      INTEGER NOT NULL CHECK (known >= 0), -- highest sequence that the terminal signed for, held or not
  parent     INTEGER,                             -- the epoch that it says it continues
  fork_from  INTEGER CHECK (fork_from >= 1),      -- from here on there are two histories; null: one
  held_from  INTEGER CHECK (held_from >= 1),      -- from here on the terminal was revoked; null: it was not
  UNIQUE (terminal, epoch)
) STRICT;

CREATE TABLE terminal_key (
  terminal INTEGER NOT NULL REFERENCES terminal (no),
  n        INTEGER NOT NULL CHECK (n >= 0), -- 0 is the key that was enrolled
  key      BLOB    NOT NULL UNIQUE,         -- a COSE_Key; one key is one terminal's
  retired  INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1)), -- may open no new epoch
  PRIMARY KEY (terminal, n)
) STRICT, WITHOUT ROWID;

-- One history of an epoch. The first has no parent and begins at 1; a fork begins where it leaves its parent.
-- Entries from_seq..head are held without a gap, and those up to judged are posted or in an exception.
CREATE TABLE branch (
  no        INTEGER PRIMARY KEY,
  epoch     INTEGER NOT NULL REFERENCES epoch (no),
  parent    INTEGER REFERENCES branch (no),
  from_seq  INTEGER NOT NULL CHECK (from_seq >= 1),
  head      INTEGER NOT NULL,
  head_hash BLOB    NOT NULL CHECK (length(head_hash) = 32),
  judged    INTEGER NOT NULL,
  first_key INTEGER NOT NULL, -- terminal_key.n that signs from_seq
  key       INTEGER NOT NULL, -- terminal_key.n that signs what follows head
  CHECK (head >= from_seq AND judged BETWEEN from_seq - 1 AND head),
  CHECK (parent IS NOT NULL OR from_seq = 1)
) STRICT;

-- The entries that changed the key within a history; what follows them is signed by the new one.
CREATE TABLE key_change (
  branch  INTEGER NOT NULL REFERENCES branch (no),
  seq     INTEGER NOT NULL,
  old_key INTEGER NOT NULL,
  new_key INTEGER NOT NULL,
  PRIMARY KEY (branch, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX branch_epoch ON branch (epoch);
CREATE INDEX branch_unjudged ON branch (no) WHERE judged < head;

CREATE TABLE header (
  no        INTEGER PRIMARY KEY,
  protected BLOB NOT NULL UNIQUE
) STRICT;

CREATE TABLE entry (
  no          INTEGER PRIMARY KEY, -- the order of arrival, nothing more
  branch      INTEGER NOT NULL REFERENCES branch (no),
  seq         INTEGER NOT NULL CHECK (seq >= 1),
  kind        INTEGER NOT NULL, -- 0: not known to the release that stored it
  hash        BLOB    NOT NULL CHECK (length(hash) = 32),
  header      INTEGER NOT NULL REFERENCES header (no),
  payload     BLOB    NOT NULL,
  signature   BLOB    CHECK (length(signature) = 64), -- of the last entry of a batch: vouches for those before it
  body        BLOB,                                   -- erased after its time; the payload holds its hash
  received_at INTEGER NOT NULL,
  UNIQUE (branch, seq)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entry_stays BEFORE UPDATE OF no, branch, seq, kind, hash, header, payload, signature, received_at ON entry
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entry_forgets BEFORE UPDATE OF body ON entry WHEN NEW.body IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a body can only be erased'); END;
-- +goose StatementEnd

-- What terminals last said of themselves.
CREATE TABLE beat (
  terminal INTEGER PRIMARY KEY REFERENCES terminal (no),
  at       INTEGER NOT NULL, -- by HQ's clock
  count    INTEGER NOT NULL,
  epoch    INTEGER NOT NULL,
  last     INTEGER NOT NULL,
  acked    INTEGER NOT NULL,
  hq_epoch INTEGER NOT NULL,
  policy   INTEGER NOT NULL,
  wall     INTEGER NOT NULL, -- by the lane's clock
  software TEXT    NOT NULL
) STRICT;

-- Every policy and trust bundle that HQ ever signed, as signed: entries name the policy they were decided by.
CREATE TABLE document (
  kind      TEXT    NOT NULL CHECK (kind IN ('policy', 'trust')),
  version   INTEGER NOT NULL CHECK (version >= 1),
  sealed    BLOB    NOT NULL,
  issued_at INTEGER NOT NULL,
  PRIMARY KEY (kind, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE token (
  id         BLOB    PRIMARY KEY CHECK (length(id) = 16),
  name       TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- of the secret, which has 256 random bits and is not here
  scopes     TEXT    NOT NULL, -- space-separated, in order
  made_at    INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT, WITHOUT ROWID;
