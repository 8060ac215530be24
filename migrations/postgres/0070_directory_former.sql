-- What people, organisations and systems were before they were written again: the last hundred versions of each.
-- `content` is a text of JSON that is read and written whole.
CREATE TABLE directory_former (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    version BIGINT NOT NULL,
    -- When it was written so; nothing where that is not known.
    at      BIGINT,
    content TEXT NOT NULL,
    PRIMARY KEY (kind, id, version)
);

-- What organisations had, under ids of its own, and a release has no more.
CREATE TABLE directory_deletion (
    list     TEXT NOT NULL,
    instance TEXT NOT NULL,
    ods      TEXT NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (list, instance)
);
CREATE INDEX directory_deletion_at ON directory_deletion (list, at, instance);

-- When an organisation was written last; nothing of those that were not since this is kept.
ALTER TABLE directory_organisation ADD COLUMN changed_at BIGINT;
CREATE INDEX directory_organisation_written ON directory_organisation (changed_at, ods);
CREATE INDEX directory_person_written ON directory_person (changed_at, user_id);
CREATE INDEX directory_system_written ON directory_system (changed_at, folded);
