-- The journal's first schema. Rules for every later file in this folder are in DESIGN.md ("Schema").
--
-- Identifiers are 16 bytes, hashes 32, times Unix milliseconds, dates yyyymmdd. SQLite's integers are
-- signed: an epoch, a random unsigned 64-bit number, is kept as the signed number with the same bits, and a
-- phone's counter as 8 bytes, most significant first, so that comparing bytes compares counters.

-- +goose Up
PRAGMA application_id = 1414089804; -- "TILL": tells a journal from any other database

CREATE TABLE meta (
  key   TEXT PRIMARY KEY CHECK (key <> ''),
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- What HQ signed, as it came. A version never goes back, and one version has one text.
CREATE TABLE document (
  kind    TEXT PRIMARY KEY CHECK (kind <> ''),
  version INTEGER NOT NULL CHECK (version >= 1),
  raw     BLOB NOT NULL CHECK (length(raw) > 0)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER document_never_goes_back BEFORE UPDATE ON document
WHEN NEW.version < OLD.version OR (NEW.version = OLD.version AND NEW.raw <> OLD.raw)
BEGIN
  SELECT RAISE(ABORT, 'journal: a document never goes back');
END;
-- +goose StatementEnd

-- One life of the journal each, with its outbox: entries above acked are HQ's to get. Everything up to
-- pruned is deleted here; pruned_head is the hash of entry pruned, which entry pruned + 1 names.
CREATE TABLE epoch (
  id          INTEGER PRIMARY KEY,
  epoch       INTEGER NOT NULL UNIQUE CHECK (epoch <> 0),
  last        INTEGER NOT NULL DEFAULT 0 CHECK (last >= 0),
  head        BLOB    NOT NULL DEFAULT x'' CHECK (length(head) = iif(last = 0, 0, 32)),
  acked       INTEGER NOT NULL DEFAULT 0 CHECK (acked BETWEEN 0 AND last),
  judged      INTEGER NOT NULL DEFAULT 0 CHECK (judged BETWEEN 0 AND acked),
  hq_epoch    INTEGER NOT NULL DEFAULT 0 CHECK (hq_epoch >= 0), -- whose word acked is
  forked      INTEGER NOT NULL DEFAULT 0 CHECK (forked IN (0, 1)),
  pruned      INTEGER NOT NULL DEFAULT 0 CHECK (pruned BETWEEN 0 AND acked),
  pruned_head BLOB    NOT NULL DEFAULT x'' CHECK (length(pruned_head) = iif(pruned = 0, 0, 32))
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER epoch_only_goes_on BEFORE UPDATE ON epoch
WHEN NEW.epoch <> OLD.epoch OR NEW.id <> OLD.id OR NEW.last < OLD.last OR NEW.pruned < OLD.pruned
  OR NEW.hq_epoch < OLD.hq_epoch OR NEW.forked < OLD.forked
  OR (NEW.acked < OLD.acked AND NEW.hq_epoch = OLD.hq_epoch)
BEGIN
  SELECT RAISE(ABORT, 'journal: an epoch only goes on, unless HQ was restored');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER epoch_is_kept BEFORE DELETE ON epoch
BEGIN
  SELECT RAISE(ABORT, 'journal: an epoch is kept for ever');
END;
-- +goose StatementEnd

-- The keys that signed, in order; the last one signs now.
CREATE TABLE signing_key (
  id        INTEGER PRIMARY KEY,
  kid       BLOB    NOT NULL CHECK (length(kid) = 8),
  cose      BLOB    NOT NULL UNIQUE CHECK (length(cose) > 0),
  epoch     INTEGER NOT NULL REFERENCES epoch (epoch),
  first_seq INTEGER NOT NULL CHECK (first_seq >= 1)
) STRICT;

-- The entries. envelope is the truth (a COSE_Sign1); the other columns repeat it for finding, and
-- verification compares them. pos is the order of writing, over all epochs.
CREATE TABLE entry (
  pos           INTEGER PRIMARY KEY CHECK (pos >= 1),
  epoch         INTEGER NOT NULL REFERENCES epoch (epoch),
  seq           INTEGER NOT NULL CHECK (seq >= 1),
  hash          BLOB    NOT NULL CHECK (length(hash) = 32),
  prev          BLOB    NOT NULL CHECK (length(prev) = iif(seq = 1, 0, 32)),
  envelope      BLOB    NOT NULL CHECK (length(envelope) > 64),
  kind          INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 65535), -- 0: of a later release, set aside
  sale          BLOB CHECK (length(sale) = 16),
  payment       BLOB CHECK (length(payment) = 16),
  business_date INTEGER NOT NULL CHECK (business_date >= 0),
  wall          INTEGER NOT NULL,
  UNIQUE (epoch, seq)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER entry_continues BEFORE INSERT ON entry
WHEN NOT EXISTS (SELECT 1 FROM epoch WHERE epoch = NEW.epoch AND last = NEW.seq - 1 AND head = NEW.prev)
BEGIN
  SELECT RAISE(ABORT, 'journal: an entry continues its epoch''s head');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entry_becomes_head AFTER INSERT ON entry
BEGIN
  UPDATE epoch SET last = NEW.seq, head = NEW.hash WHERE epoch = NEW.epoch;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entry_never_changes BEFORE UPDATE ON entry
BEGIN
  SELECT RAISE(ABORT, 'journal: an entry never changes');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entry_is_kept BEFORE DELETE ON entry
WHEN NOT EXISTS (SELECT 1 FROM epoch WHERE epoch = OLD.epoch AND OLD.seq <= pruned AND OLD.seq < last)
BEGIN
  SELECT RAISE(ABORT, 'journal: an entry is kept until HQ has it and its time is over');
END;
-- +goose StatementEnd

-- Bodies lie apart from the entries that sign their hashes, so that they can be erased. raw is NULL then.
CREATE TABLE body (
  pos INTEGER PRIMARY KEY REFERENCES entry (pos),
  raw BLOB CHECK (length(raw) > 0)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER body_is_only_erased BEFORE UPDATE ON body
WHEN NEW.pos <> OLD.pos OR NEW.raw IS NOT NULL
  OR NOT EXISTS (SELECT 1 FROM entry JOIN epoch USING (epoch) WHERE entry.pos = OLD.pos AND entry.seq <= acked)
BEGIN
  SELECT RAISE(ABORT, 'journal: a body never changes, and is erased only when HQ has it');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER body_is_kept BEFORE DELETE ON body
WHEN NOT EXISTS (SELECT 1 FROM entry JOIN epoch USING (epoch)
  WHERE entry.pos = OLD.pos AND entry.seq <= pruned AND entry.seq < last)
BEGIN
  SELECT RAISE(ABORT, 'journal: a body is kept with its entry');
END;
-- +goose StatementEnd

-- Everything below is a projection: computed from the entries, in the transaction that writes them, and
-- made again from them by a test. The mark says how far the projections of a schema version have come.
CREATE TABLE projection (
  name TEXT PRIMARY KEY,
  pos  INTEGER NOT NULL CHECK (pos >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO projection (name, pos) VALUES ('base', 0);

-- The last counter of each phone key, and every replay key that paid: one code, one payment.
CREATE TABLE phone (
  key           BLOB PRIMARY KEY CHECK (length(key) > 0),
  counter       BLOB    NOT NULL CHECK (length(counter) = 8),
  business_date INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE spent (
  phone         BLOB    NOT NULL CHECK (length(phone) > 0),
  counter       BLOB    NOT NULL CHECK (length(counter) = 8),
  payment       BLOB    NOT NULL CHECK (length(payment) = 16),
  business_date INTEGER NOT NULL,
  PRIMARY KEY (phone, counter)
) STRICT, WITHOUT ROWID;

-- What an account has spent on a business date at this lane, voids taken off.
CREATE TABLE spend (
  wallet        TEXT    NOT NULL,
  account       BLOB    NOT NULL,
  business_date INTEGER NOT NULL,
  currency      TEXT    NOT NULL,
  minor         INTEGER NOT NULL CHECK (minor >= 0),
  count         INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (wallet, account, business_date, currency)
) STRICT, WITHOUT ROWID;

-- What was approved, and not voided, and not acknowledged: the lane's exposure.
CREATE TABLE exposure (
  epoch    INTEGER NOT NULL,
  currency TEXT    NOT NULL,
  minor    INTEGER NOT NULL CHECK (minor >= 0),
  count    INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (epoch, currency)
) STRICT, WITHOUT ROWID;

-- Business dates as they were opened and closed, and what was taken on them. Kept when entries are pruned.
CREATE TABLE day (
  epoch         INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  first_seq     INTEGER NOT NULL CHECK (first_seq >= 1),
  closed_seq    INTEGER CHECK (closed_seq > first_seq),
  PRIMARY KEY (epoch, business_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE day_total (
  epoch         INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  wallet        TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  count         INTEGER NOT NULL CHECK (count >= 0),
  minor         INTEGER NOT NULL CHECK (minor >= 0),
  void_count    INTEGER NOT NULL DEFAULT 0 CHECK (void_count BETWEEN 0 AND count),
  void_minor    INTEGER NOT NULL DEFAULT 0 CHECK (void_minor BETWEEN 0 AND minor),
  PRIMARY KEY (epoch, business_date, wallet, currency)
) STRICT, WITHOUT ROWID;

-- Sales. paid is what its payments brought, voids taken off; completed and cancelled are the pos of the
-- entry that said so.
CREATE TABLE sale (
  id            BLOB PRIMARY KEY CHECK (length(id) = 16),
  epoch         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  wall          INTEGER NOT NULL,
  reference     TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  total         INTEGER NOT NULL CHECK (total > 0),
  due           INTEGER NOT NULL CHECK (due BETWEEN 1 AND total),
  paid          INTEGER NOT NULL DEFAULT 0 CHECK (paid BETWEEN 0 AND due),
  request       BLOB CHECK (length(request) = 32), -- SHA-256 of the POS's idempotency key
  digest        BLOB CHECK (length(digest) = 32),
  training      INTEGER NOT NULL CHECK (training IN (0, 1)),
  completed     INTEGER,
  cancelled     INTEGER CHECK (cancelled IS NULL OR paid = 0),
  UNIQUE (epoch, seq)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX sale_request ON sale (request) WHERE request IS NOT NULL;
CREATE INDEX sale_reference ON sale (reference) WHERE reference <> '';
CREATE INDEX sale_not_completed ON sale (business_date) WHERE completed IS NULL AND paid > 0;

CREATE TABLE payment (
  id            BLOB PRIMARY KEY CHECK (length(id) = 16),
  sale          BLOB    NOT NULL CHECK (length(sale) = 16),
  epoch         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  wall          INTEGER NOT NULL,
  wallet        TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  amount        INTEGER NOT NULL CHECK (amount > 0),
  account       BLOB, -- erased with the body
  training      INTEGER NOT NULL CHECK (training IN (0, 1)),
  voided        INTEGER, -- pos of the entry that voided it
  UNIQUE (epoch, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX payment_day ON payment (business_date);
CREATE INDEX payment_sale ON payment (sale);

-- HQ's answers about entries that were not simply posted. They come with acknowledgements, not with entries.
CREATE TABLE result (
  epoch  INTEGER NOT NULL,
  seq    INTEGER NOT NULL CHECK (seq >= 1),
  status INTEGER NOT NULL CHECK (status >= 0),
  reason TEXT    NOT NULL,
  PRIMARY KEY (epoch, seq)
) STRICT, WITHOUT ROWID;
