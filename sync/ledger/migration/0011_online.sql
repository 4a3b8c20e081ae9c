-- +goose Up
-- Online payments in the books.

-- The attempt that a lane's entry names; null: an offline approval. No customer's account is known of an online one.
ALTER TABLE payment ADD COLUMN ref TEXT CHECK (ref IS NULL OR length(ref) BETWEEN 1 AND 32 AND account IS NULL);
CREATE INDEX payment_ref ON payment (ref) WHERE ref IS NOT NULL;
-- The operator charged once: of all entries that name the attempt one is posted.
CREATE UNIQUE INDEX payment_once ON payment (ref) WHERE ref IS NOT NULL AND state = 'posted';
-- +goose StatementBegin
CREATE TRIGGER payment_ref_stays BEFORE UPDATE OF ref ON payment
BEGIN SELECT RAISE(ABORT, 'a payment keeps its attempt'); END;
-- +goose StatementEnd

-- authorise.Claim: what the lane may have taken an attempt for.
ALTER TABLE attempt ADD COLUMN claim INTEGER NOT NULL DEFAULT 0 CHECK (claim BETWEEN 0 AND 2);
