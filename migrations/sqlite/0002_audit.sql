-- The audit record: events as they were written, and the Merkle log over them.

-- One act. `body` is the canonical JSON that the leaf commits to together with `salt`; the other columns repeat parts
-- of it for searching. `position` is empty until the sequencer has put the event into the tree.
CREATE TABLE audit_event (
    ordinal     INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    recorded_at BIGINT NOT NULL,
    module      TEXT NOT NULL,
    name        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    body        BLOB NOT NULL,
    salt        BLOB NOT NULL,
    log_epoch   BIGINT,
    position    BIGINT
);
CREATE INDEX audit_event_pending ON audit_event (ordinal) WHERE position IS NULL;
CREATE UNIQUE INDEX audit_event_position ON audit_event (log_epoch, position) WHERE position IS NOT NULL;

-- A log: a new one begins after a restore or with a new key.
CREATE TABLE audit_log (
    log_epoch  BIGINT PRIMARY KEY,
    origin     TEXT NOT NULL UNIQUE,
    public_key BLOB NOT NULL,
    started_at BIGINT NOT NULL
);

-- The one row that makes the sequencer one across machines. It only moves by compare-and-set on
-- (log_epoch, lease_epoch, size).
CREATE TABLE audit_sequencer (
    name        TEXT PRIMARY KEY,
    log_epoch   BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    lease_epoch BIGINT NOT NULL,
    holder      TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

-- Hash tiles, 32 octets for each hash; a partial tile grows in place.
CREATE TABLE audit_tile (
    log_epoch BIGINT NOT NULL,
    level     BIGINT NOT NULL,
    place     BIGINT NOT NULL,
    hashes    BLOB NOT NULL,
    PRIMARY KEY (log_epoch, level, place)
);

-- The leaves, 256 commitments of 32 octets in a row; they stay when an entry is erased.
CREATE TABLE audit_bundle (
    log_epoch   BIGINT NOT NULL,
    place       BIGINT NOT NULL,
    commitments BLOB NOT NULL,
    PRIMARY KEY (log_epoch, place)
);

-- A tree head that is, or is about to be, signed. The row exists before the token is asked; `note` comes after.
CREATE TABLE audit_checkpoint (
    log_epoch BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    root      BLOB NOT NULL,
    note      TEXT,
    signed_at BIGINT,
    PRIMARY KEY (log_epoch, size)
);

-- What witnesses outside signed for a checkpoint of ours.
CREATE TABLE audit_cosignature (
    log_epoch   BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    witness     TEXT NOT NULL,
    line        TEXT NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (log_epoch, size, witness)
);

-- How far an export has come, so that nothing is left out after a restart.
CREATE TABLE audit_cursor (
    name      TEXT PRIMARY KEY,
    log_epoch BIGINT NOT NULL,
    position  BIGINT NOT NULL
);
