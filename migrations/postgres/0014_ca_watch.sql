-- The day that a certificate's end was counted on, for profiles whose ends are spread.
ALTER TABLE ca_certificate ADD COLUMN expiry_day BIGINT;

-- Ends of one instant are told apart by their serial. In the row named `number`, `until_at` is the last number given to
-- a notice.
ALTER TABLE ca_renewal_mark ADD COLUMN until_serial TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Each notice that a certificate ends soon, once for each distance, in the order in which they were committed.
CREATE TABLE ca_renewal_notice (
    number    BIGINT NOT NULL PRIMARY KEY,
    serial    TEXT COLLATE "C" NOT NULL,
    days      BIGINT NOT NULL,
    given_at  BIGINT NOT NULL,
    UNIQUE (serial, days)
);

-- Certificates whose renewal somebody has taken care of.
CREATE TABLE ca_renewal_acknowledgement (
    serial          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client          TEXT   NOT NULL,
    note            TEXT   NOT NULL,
    acknowledged_at BIGINT NOT NULL
);
