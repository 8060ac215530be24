-- One row while a restored copy is not yet fit for use.
-- stage: restoring (rows are being written), recovering (all are there; what happened since is not yet accounted for).
CREATE TABLE platform_restore (
    name        TEXT NOT NULL PRIMARY KEY,
    stage       TEXT NOT NULL,
    taken_at    BIGINT NOT NULL,
    restored_at BIGINT NOT NULL
);
