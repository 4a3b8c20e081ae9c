-- +goose Up
-- How often an account paid in an epoch of a lane on a date, beside how much. What was posted before this column came,
-- or is by an older program, is not counted: HQ then finds less than the lane did, and holds nothing back for it.

ALTER TABLE account_day ADD COLUMN count INTEGER NOT NULL DEFAULT 0;
