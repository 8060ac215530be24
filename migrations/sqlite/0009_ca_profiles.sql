-- What each profile has been: a content gets its number when it is first used, and keeps it.
CREATE TABLE ca_profile_version (
    profile        TEXT NOT NULL,
    version        BIGINT NOT NULL,
    content_sha256 TEXT   NOT NULL,
    content        TEXT   NOT NULL,
    used_at        BIGINT NOT NULL,
    PRIMARY KEY (profile, version),
    UNIQUE (profile, content_sha256)
);

-- Rows of before have none of these; the hashes are filled in by the schedule.
ALTER TABLE ca_certificate ADD COLUMN profile_version BIGINT;
ALTER TABLE ca_certificate ADD COLUMN certificate_sha256 BLOB;
ALTER TABLE ca_certificate ADD COLUMN spki_sha256 BLOB;
CREATE INDEX ca_certificate_sha256 ON ca_certificate (certificate_sha256) WHERE certificate_sha256 IS NOT NULL;
CREATE INDEX ca_certificate_spki ON ca_certificate (spki_sha256, user_id) WHERE spki_sha256 IS NOT NULL;
CREATE INDEX ca_certificate_compromised ON ca_certificate (spki_sha256) WHERE reason = 1;
CREATE INDEX ca_certificate_unhashed ON ca_certificate (serial)
    WHERE certificate IS NOT NULL AND certificate_sha256 IS NULL;
-- For search by time, alone and within a profile or an issuer, and for those that are revoked.
CREATE INDEX ca_certificate_expiry ON ca_certificate (not_after, serial);
CREATE INDEX ca_certificate_profile ON ca_certificate (profile, not_after, serial);
CREATE INDEX ca_certificate_issuer ON ca_certificate (issuer, not_after, serial);
CREATE INDEX ca_certificate_ended ON ca_certificate (not_after, serial) WHERE revoked_at IS NOT NULL;

-- How many certificates of a profile end on each day (days since 1970), so that none has more than its share.
CREATE TABLE ca_expiry_day (
    profile TEXT NOT NULL,
    day     BIGINT NOT NULL,
    due     BIGINT NOT NULL,
    PRIMARY KEY (profile, day)
);

-- Up to which end of validity renewal notices were given.
CREATE TABLE ca_renewal_mark (
    name     TEXT NOT NULL PRIMARY KEY,
    until_at BIGINT NOT NULL
);
