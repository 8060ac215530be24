-- Running numbers of the register: what was given last.
CREATE TABLE directory_counter (
    name TEXT NOT NULL PRIMARY KEY,
    last BIGINT NOT NULL
);

-- The change feed: what others must follow, in one order.
CREATE TABLE directory_change (
    number  BIGINT NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    kind    TEXT NOT NULL,
    subject TEXT NOT NULL,
    person  TEXT
);
CREATE INDEX directory_change_person ON directory_change (person, number);

-- How far each consumer of the feed has come.
CREATE TABLE directory_consumer (
    name    TEXT NOT NULL PRIMARY KEY,
    applied BIGINT NOT NULL,
    at      BIGINT NOT NULL
);

-- Answers that are given again for the same idempotency key.
CREATE TABLE directory_once (
    caller      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status      BIGINT NOT NULL,
    body        TEXT NOT NULL,
    location    TEXT,
    etag        TEXT,
    at          BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX directory_once_at ON directory_once (at);
