-- Who does the work that must be done once. `epoch` grows with every new holder.
CREATE TABLE platform_lease (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    holder     TEXT COLLATE "C" NOT NULL,
    epoch      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- The latest time at which anything was done; one row.
CREATE TABLE platform_high_water (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL
);

-- One row for each group of writes, by which a connection lost during COMMIT is resolved. Used on PostgreSQL.
CREATE TABLE platform_commit (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
CREATE INDEX platform_commit_at ON platform_commit (at);
