-- +goose Up
-- Alarms about a whole epoch of a terminal, which no entry that is held need stand for: what HQ lost of it,
-- and journals that live twice.

ALTER TABLE epoch ADD COLUMN lost INTEGER CHECK (lost >= 1);       -- HQ acknowledged up to here; its books were put back since; null: nothing is lost
ALTER TABLE epoch ADD COLUMN lost_in INTEGER CHECK ((lost IS NULL) = (lost_in IS NULL)); -- HQ epoch in which that was found
ALTER TABLE epoch ADD COLUMN lead INTEGER;                         -- count of the newest beat that named it as the one being written
ALTER TABLE epoch ADD COLUMN back INTEGER NOT NULL DEFAULT 0;      -- how often it was written again after another had been
ALTER TABLE terminal ADD COLUMN leads INTEGER REFERENCES epoch (no); -- the epoch that is being written, by the last beat
CREATE INDEX epoch_lost ON epoch (terminal) WHERE lost IS NOT NULL;

-- An exception is about an entry, or about an epoch from a sequence on.
ALTER TABLE exception ALTER COLUMN entry DROP NOT NULL;
ALTER TABLE exception ADD COLUMN epoch INTEGER REFERENCES epoch (no);
ALTER TABLE exception ADD COLUMN seq INTEGER CHECK ((entry IS NULL) = (epoch IS NOT NULL) AND (epoch IS NULL) = (seq IS NULL));
CREATE INDEX exception_alarm ON exception (terminal) WHERE state = 'open' AND kind IN ('epoch_forked', 'epoch_sibling', 'terminal_twice');
