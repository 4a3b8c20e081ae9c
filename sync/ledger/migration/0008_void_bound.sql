-- +goose Up
-- What a terminal said, in beats of this life of the ledger, that HQ had acknowledged to it: what it writes behind such
-- a beat can't take back what it knew HQ to have (judgevoid.go). The newest beat's word, and the one before it that
-- counts while the newest one's is fresh.

ALTER TABLE epoch ADD COLUMN told_in INTEGER NOT NULL DEFAULT 0;    -- HQ epoch; 0: no beat has said
ALTER TABLE epoch ADD COLUMN told_from INTEGER NOT NULL DEFAULT 0;  -- first sequence for which told_acked counts
ALTER TABLE epoch ADD COLUMN told_acked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE epoch ADD COLUMN next_from INTEGER NOT NULL DEFAULT 0;  -- the same of the newest beat
ALTER TABLE epoch ADD COLUMN next_acked INTEGER NOT NULL DEFAULT 0;

-- That the epoch says to continue none, as its first entry told. A terminal has one such.
ALTER TABLE epoch ADD COLUMN root INTEGER NOT NULL DEFAULT 0 CHECK (root IN (0, 1));

-- The highest policy that an approval of the history named: a lane never goes back to an older one.
ALTER TABLE branch ADD COLUMN policy INTEGER NOT NULL DEFAULT 0;
