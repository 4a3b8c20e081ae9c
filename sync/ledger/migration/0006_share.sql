-- +goose Up
-- What HQ recounts of a lane's offline share (judgeshare.go): the approvals of the arrival that is being judged, which
-- HQ can't have acknowledged before any of them was written, voids taken off.

ALTER TABLE branch ADD COLUMN run_from INTEGER NOT NULL DEFAULT 0;      -- first sequence of the run; 0: the history's first
ALTER TABLE branch ADD COLUMN run_currency TEXT NOT NULL DEFAULT '';
ALTER TABLE branch ADD COLUMN run_minor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE branch ADD COLUMN run_count INTEGER NOT NULL DEFAULT 0;
-- Where judged stood when the run was written: an older program moves judged and leaves the run as it was.
ALTER TABLE branch ADD COLUMN run_to INTEGER NOT NULL DEFAULT 0;

-- From which sequence on an epoch was written with the word of this life of the ledger, as a beat told; null: no beat
-- has. What came before may rest on acknowledgements that a ledger which was put back does not know of any more.
ALTER TABLE epoch ADD COLUMN word_in INTEGER; -- HQ epoch
ALTER TABLE epoch ADD COLUMN word_from INTEGER CHECK ((word_in IS NULL) = (word_from IS NULL));

-- For what a lane is told: its exceptions by when something was last known about them.
CREATE INDEX exception_changed ON exception (terminal, coalesce(resolved_at, opened_at));
