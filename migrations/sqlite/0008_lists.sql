-- Part of an issuer's certificates, with lists of its own: shard 0 is of those that name no shard. `url` is where its
-- list is found, and stands in the list once the issuer has shards; empty before. `crl_number` is the last number given
-- to a list, complete or delta; `changes` counts revocations, so that a list can say up to which of them it is complete.
-- A delta list goes back to the complete list `base_number`; `mark_number` is the next to go back to.
CREATE TABLE ca_scope (
    issuer           TEXT   NOT NULL,
    shard            BIGINT NOT NULL,
    url              TEXT   NOT NULL,
    crl_number       BIGINT NOT NULL,
    changes          BIGINT NOT NULL,
    complete_number  BIGINT,
    complete_at      BIGINT,
    complete_changes BIGINT,
    delta_number     BIGINT,
    delta_at         BIGINT,
    base_number      BIGINT,
    base_changes     BIGINT,
    mark_number      BIGINT,
    mark_changes     BIGINT,
    mark_at          BIGINT,
    PRIMARY KEY (issuer, shard)
);
INSERT INTO ca_scope (issuer, shard, url, crl_number, changes, complete_number, complete_at, complete_changes)
SELECT ca_issuer.id, 0, '', ca_issuer.crl_number, ca_issuer.changes, newest.number, newest.this_update, newest.changes
FROM ca_issuer LEFT JOIN ca_crl AS newest
  ON newest.issuer = ca_issuer.id
 AND newest.number = (SELECT MAX(ca_crl.number) FROM ca_crl WHERE ca_crl.issuer = ca_issuer.id);

-- Signed lists; the newest few of each kind, complete or delta, are kept. Their octets lie in parts, in order.
CREATE TABLE ca_list (
    issuer      TEXT   NOT NULL,
    shard       BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    number      BIGINT NOT NULL,
    base        BIGINT,
    this_update BIGINT NOT NULL,
    next_update BIGINT NOT NULL,
    entries     BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    PRIMARY KEY (issuer, shard, kind, number)
);
CREATE TABLE ca_list_part (
    issuer TEXT   NOT NULL,
    shard  BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    number BIGINT NOT NULL,
    part   BIGINT NOT NULL,
    octets BLOB   NOT NULL,
    PRIMARY KEY (issuer, shard, kind, number, part)
);
INSERT INTO ca_list (issuer, shard, kind, number, this_update, next_update, entries, size)
SELECT issuer, 0, 'complete', number, this_update, next_update, entries, LENGTH(crl) FROM ca_crl;
INSERT INTO ca_list_part (issuer, shard, kind, number, part, octets)
SELECT issuer, 0, 'complete', number, 0, crl FROM ca_crl;

-- The shard that a certificate names, 0 for none; and the count of its scope when its status last changed.
ALTER TABLE ca_certificate ADD COLUMN shard BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ca_certificate ADD COLUMN changed BIGINT;
-- Everything a list says of a certificate, in the order of the list.
CREATE INDEX ca_certificate_listed
    ON ca_certificate (issuer, shard, serial, not_after, revoked_at, reason, invalidity_at)
    WHERE revoked_at IS NOT NULL;
CREATE INDEX ca_certificate_changed ON ca_certificate (issuer, shard, changed) WHERE changed IS NOT NULL;
DROP INDEX ca_certificate_revoked;
