-- Money that is given back through HQ, of this lane's payments or another's.
--
-- A release that knows no refunds opens this, sets their entries aside and sells on: they have tables of their own, and
-- what they look at in the others they don't change.

-- +goose Up
-- A refund from its RefundAsked on: asked until HQ's word; ended is the pos of the entry that says it.
CREATE TABLE refund (
  ref           TEXT PRIMARY KEY CHECK (ref <> ''),
  payment       BLOB    NOT NULL CHECK (length(payment) = 16), -- the original one
  sale          BLOB    CHECK (length(sale) = 16), -- null: another lane's payment
  epoch         INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  wall          INTEGER NOT NULL,
  wallet        TEXT    NOT NULL, -- empty: not known before HQ says it
  currency      TEXT    NOT NULL,
  amount        INTEGER NOT NULL CHECK (amount > 0),
  alone         INTEGER NOT NULL CHECK (alone IN (0, 1)), -- by the cashier, as the policy lets
  state         TEXT    NOT NULL DEFAULT 'asked' CHECK (state IN ('asked', 'refunded', 'declined')),
  why           TEXT    NOT NULL DEFAULT '', -- of declined: HQ's short code
  ended         INTEGER,
  UNIQUE (epoch, seq),
  CHECK ((ended IS NULL) = (state = 'asked'))
) STRICT, WITHOUT ROWID;

CREATE INDEX refund_payment ON refund (payment);
CREATE INDEX refund_day ON refund (business_date);
CREATE INDEX refund_asked ON refund (epoch, seq) WHERE state = 'asked';

-- What was given back on a business date; kept when entries are pruned.
CREATE TABLE refund_total (
  epoch         INTEGER NOT NULL,
  business_date INTEGER NOT NULL,
  wallet        TEXT    NOT NULL,
  currency      TEXT    NOT NULL,
  count         INTEGER NOT NULL CHECK (count >= 0),
  minor         INTEGER NOT NULL CHECK (minor >= 0),
  PRIMARY KEY (epoch, business_date, wallet, currency)
) STRICT, WITHOUT ROWID;
