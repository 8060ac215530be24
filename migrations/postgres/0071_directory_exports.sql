-- Exports in bulk: what is exported for whom, and how far it has been cut into parts. Where `at_kind` is nothing, it is cut.
CREATE TABLE directory_export (
    export_id TEXT NOT NULL PRIMARY KEY,
    caller    TEXT NOT NULL,
    face      TEXT NOT NULL,
    kinds     TEXT NOT NULL,
    since     BIGINT,
    request   TEXT NOT NULL,
    made_at   BIGINT NOT NULL,
    until     BIGINT NOT NULL,
    at_kind   TEXT,
    at_after  TEXT NOT NULL
);
CREATE INDEX directory_export_caller ON directory_export (caller, until);
CREATE INDEX directory_export_until ON directory_export (until);

-- A part: the things of one kind after an id, up to another. What they are is read when the part is fetched.
CREATE TABLE directory_export_part (
    export_id TEXT NOT NULL,
    number    BIGINT NOT NULL,
    kind      TEXT NOT NULL,
    after     TEXT NOT NULL,
    last      TEXT NOT NULL,
    PRIMARY KEY (export_id, number)
);
