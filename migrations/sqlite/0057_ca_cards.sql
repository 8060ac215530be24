-- Where cards are kept until they are issued.
CREATE TABLE ca_card_location (
    location_id  TEXT   NOT NULL PRIMARY KEY,
    organisation TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    made_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX ca_card_location_name ON ca_card_location (organisation, name);

-- Cards. Their secrets are derived in the token; here stands which version of them each card has.
CREATE TABLE ca_card (
    card_id         TEXT   NOT NULL PRIMARY KEY,
    -- What the card says itself.
    serial          TEXT   NOT NULL,
    location_id     TEXT   NOT NULL,
    -- Of the location: whose registration authority has to do with it.
    organisation    TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    -- What it was before it was suspended.
    earlier         TEXT,
    user_id         TEXT,
    -- Why it was cancelled.
    reason          TEXT,
    management      TEXT   NOT NULL,
    -- The key that it is being given: it may have either.
    management_next TEXT,
    puk             TEXT   NOT NULL,
    puk_next        TEXT,
    -- Keys that it has refused, joined by commas: they are not tried again.
    refused         TEXT   NOT NULL,
    -- Its certificates.
    authentication  TEXT,
    signature       TEXT,
    version         BIGINT NOT NULL,
    made_at         BIGINT NOT NULL,
    changed_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX ca_card_serial ON ca_card (serial);
CREATE INDEX ca_card_organisation ON ca_card (organisation, card_id);
CREATE INDEX ca_card_user_id ON ca_card (user_id, card_id) WHERE user_id IS NOT NULL;

-- What happened to a card, and who had it: written in the transaction that did it, never changed.
CREATE TABLE ca_card_act (
    act_id      TEXT   NOT NULL PRIMARY KEY,
    card_id     TEXT   NOT NULL,
    act         TEXT   NOT NULL,
    -- The state that it led to.
    state       TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    client      TEXT   NOT NULL,
    user_id     TEXT,
    location_id TEXT   NOT NULL,
    reason      TEXT,
    witness     TEXT,
    note        TEXT,
    at          BIGINT NOT NULL
);
CREATE INDEX ca_card_act_card ON ca_card_act (card_id, act_id);

-- Answers that are given again for the same idempotency key.
CREATE TABLE ca_card_once (
    caller      TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    status      BIGINT NOT NULL,
    body        TEXT   NOT NULL,
    etag        TEXT,
    location    TEXT,
    at          BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX ca_card_once_at ON ca_card_once (at);
