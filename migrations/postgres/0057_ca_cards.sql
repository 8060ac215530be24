-- Where cards are kept until they are issued.
CREATE TABLE ca_card_location (
    location_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    organisation TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    made_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX ca_card_location_name ON ca_card_location (organisation, name);

-- Cards. Their secrets are derived in the token; here stands which version of them each card has.
CREATE TABLE ca_card (
    card_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- What the card says itself.
    serial          TEXT COLLATE "C" NOT NULL,
    location_id     TEXT COLLATE "C" NOT NULL,
    -- Of the location: whose registration authority has to do with it.
    organisation    TEXT COLLATE "C" NOT NULL,
    state           TEXT COLLATE "C" NOT NULL,
    -- What it was before it was suspended.
    earlier         TEXT COLLATE "C",
    user_id         TEXT COLLATE "C",
    -- Why it was cancelled.
    reason          TEXT COLLATE "C",
    management      TEXT COLLATE "C" NOT NULL,
    -- The key that it is being given: it may have either.
    management_next TEXT COLLATE "C",
    puk             TEXT COLLATE "C" NOT NULL,
    puk_next        TEXT COLLATE "C",
    -- Keys that it has refused, joined by commas: they are not tried again.
    refused         TEXT COLLATE "C" NOT NULL,
    -- Its certificates.
    authentication  TEXT COLLATE "C",
    signature       TEXT COLLATE "C",
    version         BIGINT NOT NULL,
    made_at         BIGINT NOT NULL,
    changed_at      BIGINT NOT NULL
);
CREATE UNIQUE INDEX ca_card_serial ON ca_card (serial);
CREATE INDEX ca_card_organisation ON ca_card (organisation, card_id);
CREATE INDEX ca_card_user_id ON ca_card (user_id, card_id) WHERE user_id IS NOT NULL;

-- What happened to a card, and who had it: written in the transaction that did it, never changed.
CREATE TABLE ca_card_act (
    act_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    card_id     TEXT COLLATE "C" NOT NULL,
    act         TEXT COLLATE "C" NOT NULL,
    -- The state that it led to.
    state       TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    client      TEXT COLLATE "C" NOT NULL,
    user_id     TEXT COLLATE "C",
    location_id TEXT COLLATE "C" NOT NULL,
    reason      TEXT COLLATE "C",
    witness     TEXT COLLATE "C",
    note        TEXT COLLATE "C",
    at          BIGINT NOT NULL
);
CREATE INDEX ca_card_act_card ON ca_card_act (card_id, act_id);

-- Answers that are given again for the same idempotency key.
CREATE TABLE ca_card_once (
    caller      TEXT COLLATE "C" NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    status      BIGINT NOT NULL,
    body        TEXT COLLATE "C" NOT NULL,
    etag        TEXT COLLATE "C",
    location    TEXT COLLATE "C",
    at          BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX ca_card_once_at ON ca_card_once (at);
