-- ACME (RFC 8555). Lists of words stand in one column with a space between; they are small and read whole.

-- Secrets that every node needs, sealed by the token.
CREATE TABLE ca_acme_secret (
    id         TEXT   NOT NULL PRIMARY KEY,
    sealed     BLOB   NOT NULL,
    created_at BIGINT NOT NULL
);

-- Whom an operator lets register (RFC 8555 7.3.4), and what for. The MAC key is sealed by the token.
CREATE TABLE ca_acme_external_account (
    id            TEXT   NOT NULL PRIMARY KEY,
    name          TEXT   NOT NULL,
    mac_key       BLOB   NOT NULL,
    profiles      TEXT   NOT NULL,
    dns_suffixes  TEXT   NOT NULL,
    networks      TEXT   NOT NULL,
    devices       TEXT   NOT NULL,
    most_accounts BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    ended_at      BIGINT
);

-- state: valid, deactivated.
CREATE TABLE ca_acme_account (
    id               TEXT   NOT NULL PRIMARY KEY,
    external_account TEXT   NOT NULL,
    thumbprint       TEXT   NOT NULL UNIQUE,
    jwk              TEXT   NOT NULL,
    state            TEXT   NOT NULL,
    contacts         TEXT   NOT NULL,
    created_at       BIGINT NOT NULL
);
CREATE INDEX ca_acme_account_external ON ca_acme_account (external_account);

-- Nonces that were used, until they would be too old anyway; and who asked how often.
CREATE TABLE ca_acme_nonce (
    nonce      TEXT   NOT NULL PRIMARY KEY,
    signer     TEXT   NOT NULL,
    used_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX ca_acme_nonce_signer ON ca_acme_nonce (signer, used_at);
CREATE INDEX ca_acme_nonce_expires ON ca_acme_nonce (expires_at);

-- state: pending, ready, processing (csr present), valid (serial present), invalid (problem present).
-- Processing is a queue: a row is claimed by raising `attempts`, and is free again after `claimed_until`.
CREATE TABLE ca_acme_order (
    id              TEXT   NOT NULL PRIMARY KEY,
    account         TEXT   NOT NULL,
    profile         TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    identifiers     TEXT   NOT NULL,
    not_before      BIGINT,
    not_after       BIGINT,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    replaces        TEXT,
    csr             BLOB,
    attempts        BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    claimed_until   BIGINT NOT NULL,
    serial          TEXT,
    problem         TEXT
);
CREATE INDEX ca_acme_order_account ON ca_acme_order (account, id);
CREATE INDEX ca_acme_order_created ON ca_acme_order (account, created_at);
CREATE INDEX ca_acme_order_due ON ca_acme_order (next_attempt_at) WHERE state = 'processing';
CREATE INDEX ca_acme_order_open ON ca_acme_order (expires_at) WHERE state IN ('pending', 'ready');
CREATE UNIQUE INDEX ca_acme_order_replaces ON ca_acme_order (replaces) WHERE replaces IS NOT NULL AND state <> 'invalid';
CREATE INDEX ca_acme_order_serial ON ca_acme_order (serial);

-- state: pending, valid, invalid, deactivated.
CREATE TABLE ca_acme_authorization (
    id         TEXT   NOT NULL PRIMARY KEY,
    order_id   TEXT   NOT NULL,
    account    TEXT   NOT NULL,
    identifier TEXT   NOT NULL,
    token      TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    key_sha256 TEXT
);
CREATE INDEX ca_acme_authorization_order ON ca_acme_authorization (order_id);
CREATE INDEX ca_acme_authorization_account ON ca_acme_authorization (account, identifier);

-- state: pending, processing, valid, invalid. Processing is a queue, as with orders.
CREATE TABLE ca_acme_challenge (
    authorization_id TEXT   NOT NULL,
    kind             TEXT   NOT NULL,
    state            TEXT   NOT NULL,
    attempts         BIGINT NOT NULL,
    next_attempt_at  BIGINT NOT NULL,
    claimed_until    BIGINT NOT NULL,
    validated_at     BIGINT,
    problem          TEXT,
    PRIMARY KEY (authorization_id, kind)
);
CREATE INDEX ca_acme_challenge_due ON ca_acme_challenge (next_attempt_at) WHERE state = 'processing';
