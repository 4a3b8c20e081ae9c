-- Payments through the customer's own phone: what was offered, and what was carried in.
--
-- A release that knows none of it opens this, computes once more what it can and holds its tables against that, and
-- sells on. So they have tables and sums of their own, beside those of offline and online payments.

-- +goose Up
-- What sales were offered as. A payment stays known when its sale has ended: somebody may have paid it.
CREATE TABLE offer (
  payment       BLOB PRIMARY KEY CHECK (length(payment) = 16),
  sale          BLOB    NOT NULL CHECK (length(sale) = 16),
  epoch         INTEGER NOT NULL,
  seq           INTEGER NOT NULL, -- of the last Offered
  business_date INTEGER NOT NULL,
  currency      TEXT    NOT NULL,
  amount        INTEGER NOT NULL CHECK (amount > 0),
  until         INTEGER NOT NULL CHECK (until > 0), -- by the lane's estimate of HQ's time
  UNIQUE (epoch, seq)
) STRICT, WITHOUT ROWID;

-- The payments whose approval was taken.
CREATE TABLE carried (
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
  voided        INTEGER, -- pos of the entry that voided it
  UNIQUE (epoch, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX carried_day ON carried (business_date);
CREATE INDEX carried_sale ON carried (sale);

-- What they brought on a business date; kept when entries are pruned.
CREATE TABLE carried_total (
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

-- What a sale's carried payments brought, voids taken off; beside paid and online. A sale that is paid so can't be
-- cancelled, nor paid again, by a release that doesn't look at this either.
ALTER TABLE sale ADD COLUMN carried INTEGER NOT NULL DEFAULT 0
  CHECK (carried >= 0 AND paid + online + carried <= due AND (carried = 0 OR cancelled IS NULL));
CREATE INDEX sale_all_taken ON sale (business_date) WHERE completed IS NULL AND paid + online + carried > 0;

INSERT INTO projection (name, pos) VALUES ('carried', 0);
