-- Who signs. `crl_number` is the last number given to a list; `changes` counts revocations, so that a
-- list can say up to which of them it is complete.
CREATE TABLE ca_issuer (
    id          TEXT   NOT NULL PRIMARY KEY,
    key_label   TEXT   NOT NULL,
    serial      TEXT   NOT NULL UNIQUE,
    certificate BLOB   NOT NULL,
    created_at  BIGINT NOT NULL,
    crl_number  BIGINT NOT NULL,
    changes     BIGINT NOT NULL
);

-- One row for each serial ever given, written before anything is signed.
-- state: reserved, linted (tbs present), issued (certificate present), dropped (never signed),
-- abandoned (may have been signed; listed as revoked).
CREATE TABLE ca_certificate (
    serial        TEXT   NOT NULL PRIMARY KEY,
    issuer        TEXT   NOT NULL,
    profile       TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    instance      BIGINT NOT NULL,
    subject       TEXT   NOT NULL,
    common_name   TEXT   NOT NULL,
    user_id       TEXT,
    not_before    BIGINT NOT NULL,
    not_after     BIGINT NOT NULL,
    reserved_at   BIGINT NOT NULL,
    tbs           BLOB,
    certificate   BLOB,
    revoked_at    BIGINT,
    reason        BIGINT,
    invalidity_at BIGINT
);
CREATE INDEX ca_certificate_user_id ON ca_certificate (user_id, serial) WHERE user_id IS NOT NULL;
CREATE INDEX ca_certificate_common_name ON ca_certificate (common_name, serial);
CREATE INDEX ca_certificate_revoked ON ca_certificate (issuer, serial) WHERE revoked_at IS NOT NULL;
CREATE INDEX ca_certificate_open ON ca_certificate (state, reserved_at) WHERE state IN ('reserved', 'linted');

-- What each client asked for, so that asking again answers the same certificate.
CREATE TABLE ca_request (
    client         TEXT NOT NULL,
    request_id     TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    serial         TEXT NOT NULL,
    PRIMARY KEY (client, request_id)
);

-- Signed lists; the newest few are kept. `changes` is the issuer's count when its entries were read.
CREATE TABLE ca_crl (
    issuer      TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    changes     BIGINT NOT NULL,
    entries     BIGINT NOT NULL,
    crl         BLOB   NOT NULL,
    PRIMARY KEY (issuer, number)
);

-- The key ceremony, one row: it runs once and can be taken up where it stopped.
CREATE TABLE ca_ceremony (
    id          TEXT   NOT NULL PRIMARY KEY,
    spec_sha256 TEXT   NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT
);

-- What was done in it, in order.
CREATE TABLE ca_ceremony_line (
    number BIGINT NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    line   TEXT   NOT NULL
);
