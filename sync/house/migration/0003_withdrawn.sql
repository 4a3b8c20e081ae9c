-- +goose Up
-- Payments that lanes took offline and took back: what was drawn for them went back to the customer.
CREATE TABLE withdrawn (
  payment BLOB    PRIMARY KEY REFERENCES offline (payment),
  at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
