-- Organisations in the model of the Organisation Data Service, and virtual ones of this register's own. The host of its
-- registration authority says who else acts for one. The keys are texts made for search: small letters, nothing but
-- letters, digits and single blanks.
CREATE TABLE directory_organisation (
    ods              TEXT NOT NULL PRIMARY KEY,
    kind             TEXT NOT NULL DEFAULT 'national',
    name             TEXT NOT NULL,
    name_key         TEXT NOT NULL DEFAULT '',
    record_class     TEXT NOT NULL DEFAULT 'organisation',
    record_use       TEXT NOT NULL DEFAULT 'full',
    status           TEXT NOT NULL,
    primary_role     TEXT NOT NULL DEFAULT '',
    legal_from       TEXT,
    legal_to         TEXT,
    operational_from TEXT,
    operational_to   TEXT,
    last_change      TEXT,
    address_lines    TEXT,
    town             TEXT,
    county           TEXT,
    postcode         TEXT,
    postcode_key     TEXT,
    country          TEXT,
    uprn             TEXT,
    content_sha256   TEXT NOT NULL DEFAULT '',
    ra_host          TEXT,
    version          BIGINT NOT NULL
);
CREATE INDEX directory_organisation_host ON directory_organisation (ra_host, ods);
CREATE INDEX directory_organisation_name ON directory_organisation (name_key, ods);
CREATE INDEX directory_organisation_postcode ON directory_organisation (postcode_key, ods);

-- The roles of organisations; one of each is primary.
CREATE TABLE directory_organisation_role (
    ods              TEXT NOT NULL,
    place            BIGINT NOT NULL,
    instance         TEXT NOT NULL,
    role             TEXT NOT NULL,
    weight           TEXT NOT NULL,
    status           TEXT NOT NULL,
    legal_from       TEXT,
    legal_to         TEXT,
    operational_from TEXT,
    operational_to   TEXT,
    PRIMARY KEY (ods, place)
);
CREATE INDEX directory_organisation_role_role ON directory_organisation_role (role, status, ods);

-- Relationships, from the organisation to its target.
CREATE TABLE directory_organisation_relationship (
    ods              TEXT NOT NULL,
    place            BIGINT NOT NULL,
    instance         TEXT NOT NULL,
    relationship     TEXT NOT NULL,
    target           TEXT NOT NULL,
    target_role      TEXT,
    status           TEXT NOT NULL,
    legal_from       TEXT,
    legal_to         TEXT,
    operational_from TEXT,
    operational_to   TEXT,
    PRIMARY KEY (ods, place)
);
CREATE INDEX directory_organisation_relationship_target
    ON directory_organisation_relationship (target, relationship, status, ods);

-- Which organisation came before, or comes after.
CREATE TABLE directory_organisation_succession (
    ods       TEXT NOT NULL,
    place     BIGINT NOT NULL,
    instance  TEXT NOT NULL,
    kind      TEXT NOT NULL,
    target    TEXT NOT NULL,
    legal_day TEXT,
    PRIMARY KEY (ods, place)
);

-- How organisations are reached.
CREATE TABLE directory_organisation_contact (
    ods   TEXT NOT NULL,
    place BIGINT NOT NULL,
    kind  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (ods, place)
);

-- Imports of releases of the Organisation Data Service, by the SHA-256 of their manifest.
CREATE TABLE directory_organisation_import (
    release     TEXT NOT NULL PRIMARY KEY,
    description TEXT NOT NULL,
    published   TEXT,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    created     BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    unchanged   BIGINT NOT NULL
);

-- Which parts of a release that is being imported are in: a broken-off import goes on after them.
CREATE TABLE directory_organisation_import_part (
    release TEXT NOT NULL,
    number  BIGINT NOT NULL,
    sha256  TEXT NOT NULL,
    PRIMARY KEY (release, number)
);
