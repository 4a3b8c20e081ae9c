-- +goose Up
-- What an account of a wallet spent in one epoch of one lane on a business date, and how often, voids taken off:
-- account_day with the wallet in its key, for a pseudonym is its issuer's own, and another issuer may have the same one.
--
-- account_day is neither written nor read any more, but forgotten with this one. A program that was rolled back goes on
-- with it, from nothing: it finds less than the lane did on the date of the change, and holds nothing back for it.
-- What such a program posts is not counted here, with the same outcome; what it takes back is, by the trigger.
CREATE TABLE account_wallet_day (
  epoch         INTEGER NOT NULL REFERENCES epoch (no),
  business_date INTEGER NOT NULL,
  wallet        TEXT    NOT NULL,
  account       BLOB    NOT NULL,
  currency      TEXT    NOT NULL,
  spent         INTEGER NOT NULL,
  count         INTEGER NOT NULL,
  PRIMARY KEY (epoch, business_date, wallet, account, currency)
) STRICT, WITHOUT ROWID;

-- The open dates are among the newest payments. What is older is not worth the time for which HQ would stand still.
INSERT INTO account_wallet_day (epoch, business_date, wallet, account, currency, spent, count)
  SELECT b.epoch, d.business_date, d.wallet, p.account, d.currency, sum(p.amount), count(*)
  FROM payment p JOIN dimension d ON d.no = p.dimension JOIN entry y ON y.no = p.entry JOIN branch b ON b.no = y.branch
  WHERE p.no > (SELECT max(no) FROM payment) - 1000000 AND p.account IS NOT NULL AND p.state <> 'voided'
  GROUP BY 1, 2, 3, 4, 5;

-- +goose StatementBegin
CREATE TRIGGER payment_taken_back AFTER UPDATE OF state ON payment
WHEN NEW.state = 'voided' AND OLD.state <> 'voided' AND NEW.account IS NOT NULL
BEGIN
  UPDATE account_wallet_day SET spent = spent - NEW.amount, count = count - 1
  FROM entry y JOIN branch b ON b.no = y.branch JOIN dimension d ON d.no = NEW.dimension
  WHERE y.no = NEW.entry AND account_wallet_day.epoch = b.epoch AND account_wallet_day.business_date = d.business_date
    AND account_wallet_day.wallet = d.wallet AND account_wallet_day.account = NEW.account AND account_wallet_day.currency = d.currency;
END;
-- +goose StatementEnd
