-- +goose Up
-- Points of loyalty programmes: the members that lanes attached to sales, and what their payments earned. No money is in
-- it. Rows of point are never changed, so that what a programme's operator pulled once comes the same again.

CREATE TABLE member (
  entry     INTEGER PRIMARY KEY REFERENCES entry (no), -- its body has the number, sealed to HQ, until it is erased
  terminal  INTEGER NOT NULL REFERENCES terminal (no),
  sale      BLOB    NOT NULL CHECK (length(sale) = 16),
  programme TEXT    NOT NULL CHECK (length(programme) BETWEEN 1 AND 32),
  number    BLOB    NOT NULL CHECK (length(number) = 16), -- the member's pseudonym: a hash under the chain's key
  eligible  INTEGER NOT NULL CHECK (eligible > 0),        -- minor units
  points    INTEGER NOT NULL CHECK (points >= 0),         -- that a payment of the sale earns
  UNIQUE (sale, terminal, programme)                      -- a sale has one member of a programme: the first
) STRICT;
CREATE INDEX member_number ON member (programme, number);

CREATE TABLE point (
  no        INTEGER PRIMARY KEY, -- the order of judging
  programme TEXT    NOT NULL,
  member    INTEGER NOT NULL REFERENCES member (entry),
  payment   INTEGER NOT NULL REFERENCES payment (no),
  cause     TEXT    NOT NULL CHECK (cause IN ('earned', 'taken_back')),
  points    INTEGER NOT NULL CHECK ((points > 0) = (cause = 'earned') AND points <> 0),
  at        INTEGER NOT NULL, -- by HQ's clock
  UNIQUE (payment, member, cause)
) STRICT;
CREATE INDEX point_programme ON point (programme, no);
CREATE INDEX point_member ON point (member);

-- +goose StatementBegin
CREATE TRIGGER point_is_kept BEFORE DELETE ON point
BEGIN SELECT RAISE(ABORT, 'points are never deleted: take them back'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER point_stays BEFORE UPDATE ON point
BEGIN SELECT RAISE(ABORT, 'points are never changed: take them back'); END;
-- +goose StatementEnd
-- A payment that is taken back, or that nobody pays, earns nothing.
-- +goose StatementBegin
CREATE TRIGGER point_taken_back AFTER UPDATE OF state ON payment WHEN NEW.state IN ('voided', 'lost') AND OLD.state NOT IN ('voided', 'lost')
BEGIN
  INSERT INTO point (programme, member, payment, cause, points, at)
  SELECT e.programme, e.member, e.payment, 'taken_back', -e.points, e.at FROM point e WHERE e.payment = NEW.no AND e.cause = 'earned'
    AND NOT EXISTS (SELECT 1 FROM point b WHERE b.payment = e.payment AND b.member = e.member AND b.cause = 'taken_back');
END;
-- +goose StatementEnd
