-- Keys that sign time-stamps, one after the other, each with its certificate.

CREATE TABLE signer_time_stamp_unit (
    generation       BIGINT PRIMARY KEY NOT NULL,
    key_label        TEXT NOT NULL,
    serial           TEXT NOT NULL,
    certificate      BYTEA NOT NULL,
    -- Issuing certificate first, root last; JSON list of base64.
    chain            TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    key_destroyed_at BIGINT
);

-- Numbers that are given once, counted up: those of the processes that give time-stamps.
CREATE TABLE signer_counter (
    name   TEXT PRIMARY KEY NOT NULL,
    number BIGINT NOT NULL
);
