-- +goose Up
-- A payment that the customer made through the own phone, at the issuer: it is of no lane's offline share. Nobody's
-- account is counted, for its issuer has the money.
ALTER TABLE payment ADD COLUMN carried INTEGER NOT NULL DEFAULT 0 CHECK (carried = 0 OR (carried = 1 AND account IS NULL AND ref IS NULL));
-- +goose StatementBegin
CREATE TRIGGER payment_carried_stays BEFORE UPDATE OF carried ON payment
BEGIN SELECT RAISE(ABORT, 'a payment stays as it was made'); END;
-- +goose StatementEnd
