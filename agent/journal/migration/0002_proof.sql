-- What the outbox rests on is kept, and how much of an epoch has lost its bodies.

-- +goose Up
-- HQ's signed word (a tilld/ack) that acked and hq_epoch are of; NULL: none was kept.
ALTER TABLE epoch ADD COLUMN ack BLOB CHECK (length(ack) > 0);

-- Bodies of entries up to here may have been erased; those behind are all here.
ALTER TABLE epoch ADD COLUMN erased INTEGER NOT NULL DEFAULT 0 CHECK (erased >= 0);

UPDATE epoch SET erased = (SELECT coalesce(max(entry.seq), 0) FROM body JOIN entry USING (pos)
  WHERE body.raw IS NULL AND entry.epoch = epoch.epoch);

-- As before, but that an acknowledgement without HQ's signature under it may be taken back altogether.
DROP TRIGGER epoch_only_goes_on;
-- +goose StatementBegin
CREATE TRIGGER epoch_only_goes_on BEFORE UPDATE ON epoch
WHEN NEW.epoch <> OLD.epoch OR NEW.id <> OLD.id OR NEW.last < OLD.last OR NEW.pruned < OLD.pruned
  OR NEW.forked < OLD.forked OR NEW.erased < OLD.erased
  OR ((NEW.hq_epoch < OLD.hq_epoch OR (NEW.acked < OLD.acked AND NEW.hq_epoch = OLD.hq_epoch))
    AND NOT (NEW.ack IS NULL AND NEW.hq_epoch = 0 AND NEW.acked = NEW.pruned))
BEGIN
  SELECT RAISE(ABORT, 'journal: an epoch only goes on, unless HQ was restored');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER body_is_noted_as_erased AFTER UPDATE ON body WHEN NEW.raw IS NULL
BEGIN
  UPDATE epoch SET erased = max(erased, (SELECT seq FROM entry WHERE pos = NEW.pos))
  WHERE epoch = (SELECT epoch FROM entry WHERE pos = NEW.pos);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER body_comes_erased AFTER INSERT ON body WHEN NEW.raw IS NULL
BEGIN
  UPDATE epoch SET erased = max(erased, (SELECT seq FROM entry WHERE pos = NEW.pos))
  WHERE epoch = (SELECT epoch FROM entry WHERE pos = NEW.pos);
END;
-- +goose StatementEnd
