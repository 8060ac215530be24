-- Authorities that were given a key here after the ceremony, or in one whose root is kept elsewhere: generations of an
-- authority, and those that wait for their certificate. A row is written before the key is made.
-- New certificates come from it from `signs_from` on. `request` is the PKCS#10 request, absent until the key is there;
-- `certified_at` is when its certificate came.
CREATE TABLE ca_generation (
    issuer       TEXT   NOT NULL PRIMARY KEY,
    key_label    TEXT   NOT NULL UNIQUE,
    algorithm    TEXT   NOT NULL,
    subject      BLOB   NOT NULL,
    signs_from   BIGINT NOT NULL,
    request      BLOB,
    begun_at     BIGINT NOT NULL,
    certified_at BIGINT
);

-- A root's key certified by another root.
CREATE TABLE ca_cross_certificate (
    subject     TEXT   NOT NULL,
    signer      TEXT   NOT NULL,
    serial      TEXT   NOT NULL UNIQUE,
    certificate BLOB   NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (subject, signer)
);

-- What was done in making a generation, in order.
CREATE TABLE ca_generation_line (
    issuer TEXT   NOT NULL,
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    line   TEXT   NOT NULL,
    PRIMARY KEY (issuer, number)
);
