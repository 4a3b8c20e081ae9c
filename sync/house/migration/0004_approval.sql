-- +goose Up
-- Payments that customers made through their own phones: what a lane offered, and the approval that it takes. The money is
-- a charge, whose reference is the payment; this is what belongs to it besides.

CREATE TABLE approval (
  no           INTEGER PRIMARY KEY,
  payment      BLOB    NOT NULL UNIQUE CHECK (length(payment) = 16), -- the lane's
  charge       INTEGER NOT NULL UNIQUE REFERENCES charge (no),
  terminal     BLOB    NOT NULL CHECK (length(terminal) = 16),
  text         TEXT    NOT NULL CHECK (text <> ''), -- as the phone shows it; given again to the same account
  at           INTEGER NOT NULL,
  completed_at INTEGER, -- HQ said that a lane took it
  late_free    INTEGER NOT NULL CHECK (late_free >= 0), -- of one that was given back before: taken again
  late_lost    INTEGER NOT NULL CHECK (late_lost >= 0), -- and what nothing covered
  CHECK (completed_at IS NOT NULL OR late_free + late_lost = 0)
) STRICT;
CREATE INDEX approval_open ON approval (at) WHERE completed_at IS NULL;
-- +goose StatementBegin
CREATE TRIGGER approval_is_taken_once BEFORE UPDATE ON approval WHEN OLD.completed_at IS NOT NULL
  OR NEW.payment <> OLD.payment OR NEW.charge <> OLD.charge OR NEW.terminal <> OLD.terminal OR NEW.text <> OLD.text OR NEW.at <> OLD.at
BEGIN SELECT RAISE(ABORT, 'an approval is completed once, and stays what it is'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER approval_is_kept BEFORE DELETE ON approval
BEGIN SELECT RAISE(ABORT, 'approvals are never deleted'); END;
-- +goose StatementEnd

-- What HQ signed last: whose tills may offer.
CREATE TABLE paper (
  kind TEXT PRIMARY KEY CHECK (kind IN ('trust', 'policy')),
  raw  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
