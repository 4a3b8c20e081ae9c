-- Online payments: attempts to have a wallet's operator charge the customer, and what they brought.
--
-- A release that knows no attempts opens this, computes once more what it can and holds its tables against that, counts
-- its exposure by its payments, and sells on. So online payments have tables and sums of their own, beside those.

-- +goose Up
-- An attempt from its Asked on: asked until one of the others ends it; ended is the pos of the entry that did.
CREATE TABLE attempt (
  ref           TEXT PRIMARY KEY CHECK (ref <> ''),
  payment       BLOB    NOT NULL CHECK (length(payment) = 16),
  sale          BLOB    NOT NULL CHECK (length(sale) = 16),
  epoch         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  wall          INTEGER NOT NULL,
  wallet        TEXT    NOT NULL CHECK (wallet <> ''),
  currency      TEXT    NOT NULL,
  amount        INTEGER NOT NULL CHECK (amount > 0),
  training      INTEGER NOT NULL CHECK (training IN (0, 1)),
  not_after     INTEGER NOT NULL CHECK (not_after > 0), -- HQ's clock
  state         TEXT    NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'authorised', 'declined', 'reversed')),
  ended         INTEGER,
  UNIQUE (epoch, seq),
  CHECK ((ended IS NULL) = (state = 'asked'))
) STRICT, WITHOUT ROWID;

-- A payment has one attempt under way at most: two could charge the customer twice.
CREATE UNIQUE INDEX attempt_asked ON attempt (payment) WHERE state = 'asked';
CREATE INDEX attempt_sale ON attempt (sale);

-- The payments that were charged online, and by which attempt.
CREATE TABLE charge (
  id            BLOB PRIMARY KEY CHECK (length(id) = 16),
  sale          BLOB    NOT NULL CHECK (length(sale) = 16),
  epoch         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  wall          INTEGER NOT NULL,
  wallet        TEXT    NOT NULL CHECK (wallet <> ''),
  currency      TEXT    NOT NULL,
  amount        INTEGER NOT NULL CHECK (amount > 0),
  training      INTEGER NOT NULL CHECK (training IN (0, 1)),
  ref           TEXT    NOT NULL UNIQUE CHECK (ref <> ''),
  voided        INTEGER, -- pos of the entry that voided it
  UNIQUE (epoch, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX charge_day ON charge (business_date);
CREATE INDEX charge_sale ON charge (sale);

-- What they brought on a business date; kept when entries are pruned.
CREATE TABLE charge_total (
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

-- What a sale's online payments brought, voids taken off; beside paid. A sale that is paid online can't be cancelled,
-- nor paid again, by a release that doesn't look at this either.
ALTER TABLE sale ADD COLUMN online INTEGER NOT NULL DEFAULT 0
  CHECK (online >= 0 AND paid + online <= due AND (online = 0 OR cancelled IS NULL));
CREATE INDEX sale_taken ON sale (business_date) WHERE completed IS NULL AND paid + online > 0;

INSERT INTO projection (name, pos) VALUES ('online', 0);
