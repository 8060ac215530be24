-- What an organisation asks of those who sign in for it.
CREATE TABLE authn_policy (
    organisation TEXT PRIMARY KEY NOT NULL,
    -- A JSON value.
    policy       TEXT NOT NULL,
    version      BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL
);

-- The last time at which the database was put back from a copy: what was used before that is not known to have been.
CREATE TABLE authn_restored (
    -- One row, 1.
    only_row    BIGINT PRIMARY KEY NOT NULL,
    restored_at BIGINT NOT NULL
);
