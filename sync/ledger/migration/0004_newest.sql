-- +goose Up
-- For the lists that people look at, the newest first and narrowed. All of these are small or seldom written:
-- dimensions are few beside payments, and a payment that is simply posted is in none of them.

CREATE INDEX terminal_place ON terminal (store, lane);
CREATE INDEX epoch_forked ON epoch (terminal) WHERE fork_from IS NOT NULL;
CREATE INDEX dimension_store ON dimension (store);
CREATE INDEX dimension_wallet ON dimension (wallet);
CREATE INDEX payment_state ON payment (state) WHERE state <> 'posted';
CREATE INDEX exception_kind ON exception (kind);
CREATE INDEX exception_owner ON exception (owner);
