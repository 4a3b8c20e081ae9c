-- The signed codes that HQ was asked about: each pays once at this lane, online or offline.
--
-- Beside spent, which a release that does not know this computes once more by itself.

-- +goose Up
CREATE TABLE attempt_code (
  phone         BLOB    NOT NULL CHECK (length(phone) > 0),
  counter       BLOB    NOT NULL CHECK (length(counter) = 8),
  payment       BLOB    NOT NULL CHECK (length(payment) = 16),
  business_date INTEGER NOT NULL,
  PRIMARY KEY (phone, counter)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_code_date ON attempt_code (business_date);
