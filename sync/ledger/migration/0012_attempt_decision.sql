-- +goose Up
-- What people decided about attempts at online payments that HQ could not end by itself. Kept for good.

CREATE TABLE attempt_decision (
  no         INTEGER PRIMARY KEY,
  attempt    INTEGER NOT NULL REFERENCES attempt (no),
  what       TEXT    NOT NULL CHECK (what IN ('reverse', 'complete', 'cleared')),
  state      INTEGER NOT NULL, -- of the attempt when it was decided
  trouble    INTEGER NOT NULL, -- that it was decided about
  decided_at INTEGER NOT NULL,
  decided_by TEXT    NOT NULL CHECK (decided_by <> ''),
  why        TEXT    NOT NULL CHECK (why <> '')
) STRICT;
-- +goose StatementBegin
CREATE TRIGGER attempt_decision_is_kept BEFORE DELETE ON attempt_decision
BEGIN SELECT RAISE(ABORT, 'decisions are never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER attempt_decision_stays BEFORE UPDATE ON attempt_decision
BEGIN SELECT RAISE(ABORT, 'decisions never change'); END;
-- +goose StatementEnd
