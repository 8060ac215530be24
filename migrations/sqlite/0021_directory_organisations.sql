-- Organisations. The host of its registration authority says who else acts for one.
CREATE TABLE directory_organisation (
    ods     TEXT NOT NULL PRIMARY KEY,
    name    TEXT NOT NULL,
    status  TEXT NOT NULL,
    ra_host TEXT,
    version BIGINT NOT NULL
);
CREATE INDEX directory_organisation_host ON directory_organisation (ra_host);
