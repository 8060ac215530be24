-- Transactions of CMP, one row for each that a known client began; kept, so that none is taken twice.
-- state: begun (no answer yet), waiting (certificate given, not yet confirmed), confirmed (kept by the client),
-- lapsing (to be revoked), lapsed (revoked or never issued), closed (nothing to confirm).
CREATE TABLE ca_cmp_transaction (
    client         TEXT   NOT NULL,
    transaction_id TEXT   NOT NULL,
    sender_nonce   TEXT   NOT NULL,
    road           TEXT   NOT NULL,
    request_id     TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    started_at     BIGINT NOT NULL,
    our_nonce      TEXT,
    serial         TEXT,
    due_at         BIGINT,
    PRIMARY KEY (client, transaction_id)
);
CREATE UNIQUE INDEX ca_cmp_transaction_nonce ON ca_cmp_transaction (client, sender_nonce);
CREATE INDEX ca_cmp_transaction_due ON ca_cmp_transaction (due_at) WHERE due_at IS NOT NULL;
