-- Organisations in the model of the Organisation Data Service, and virtual ones of this register's own. The host of its
-- registration authority says who else acts for one. The keys are texts made for search: small letters, nothing but
-- letters, digits and single blanks.
CREATE TABLE directory_organisation (
    ods              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind             TEXT COLLATE "C" NOT NULL DEFAULT 'national',
    name             TEXT COLLATE "C" NOT NULL,
    name_key         TEXT COLLATE "C" NOT NULL DEFAULT '',
    record_class     TEXT COLLATE "C" NOT NULL DEFAULT 'organisation',
    record_use       TEXT COLLATE "C" NOT NULL DEFAULT 'full',
    status           TEXT COLLATE "C" NOT NULL,
    primary_role     TEXT COLLATE "C" NOT NULL DEFAULT '',
    legal_from       TEXT COLLATE "C",
    legal_to         TEXT COLLATE "C",
    operational_from TEXT COLLATE "C",
    operational_to   TEXT COLLATE "C",
    last_change      TEXT COLLATE "C",
    address_lines    TEXT COLLATE "C",
    town             TEXT COLLATE "C",
    county           TEXT COLLATE "C",
    postcode         TEXT COLLATE "C",
    postcode_key     TEXT COLLATE "C",
    country          TEXT COLLATE "C",
    uprn             TEXT COLLATE "C",
    content_sha256   TEXT COLLATE "C" NOT NULL DEFAULT '',
    ra_host          TEXT COLLATE "C",
    version          BIGINT NOT NULL
);
CREATE INDEX directory_organisation_host ON directory_organisation (ra_host, ods);
CREATE INDEX directory_organisation_name ON directory_organisation (name_key, ods);
CREATE INDEX directory_organisation_postcode ON directory_organisation (postcode_key, ods);

-- The roles of organisations; one of each is primary.
CREATE TABLE directory_organisation_role (
    ods              TEXT COLLATE "C" NOT NULL,
    place            BIGINT NOT NULL,
    instance         TEXT COLLATE "C" NOT NULL,
    role             TEXT COLLATE "C" NOT NULL,
    weight           TEXT COLLATE "C" NOT NULL,
    status           TEXT COLLATE "C" NOT NULL,
    legal_from       TEXT COLLATE "C",
    legal_to         TEXT COLLATE "C",
    operational_from TEXT COLLATE "C",
    operational_to   TEXT COLLATE "C",
    PRIMARY KEY (ods, place)
);
CREATE INDEX directory_organisation_role_role ON directory_organisation_role (role, status, ods);

-- Relationships, from the organisation to its target.
CREATE TABLE directory_organisation_relationship (
    ods              TEXT COLLATE "C" NOT NULL,
    place            BIGINT NOT NULL,
    instance         TEXT COLLATE "C" NOT NULL,
    relationship     TEXT COLLATE "C" NOT NULL,
    target           TEXT COLLATE "C" NOT NULL,
    target_role      TEXT COLLATE "C",
    status           TEXT COLLATE "C" NOT NULL,
    legal_from       TEXT COLLATE "C",
    legal_to         TEXT COLLATE "C",
    operational_from TEXT COLLATE "C",
    operational_to   TEXT COLLATE "C",
    PRIMARY KEY (ods, place)
);
CREATE INDEX directory_organisation_relationship_target
    ON directory_organisation_relationship (target, relationship, status, ods);

-- Which organisation came before, or comes after.
CREATE TABLE directory_organisation_succession (
    ods       TEXT COLLATE "C" NOT NULL,
    place     BIGINT NOT NULL,
    instance  TEXT COLLATE "C" NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    target    TEXT COLLATE "C" NOT NULL,
    legal_day TEXT COLLATE "C",
    PRIMARY KEY (ods, place)
);

-- How organisations are reached.
CREATE TABLE directory_organisation_contact (
    ods   TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    kind  TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (ods, place)
);

-- Imports of releases of the Organisation Data Service, by the SHA-256 of their manifest.
CREATE TABLE directory_organisation_import (
    release     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    description TEXT COLLATE "C" NOT NULL,
    published   TEXT COLLATE "C",
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    created     BIGINT NOT NULL,
    changed     BIGINT NOT NULL,
    unchanged   BIGINT NOT NULL
);

-- Which parts of a release that is being imported are in: a broken-off import goes on after them.
CREATE TABLE directory_organisation_import_part (
    release TEXT COLLATE "C" NOT NULL,
    number  BIGINT NOT NULL,
    sha256  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (release, number)
);
