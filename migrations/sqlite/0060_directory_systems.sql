-- Systems that take part in messaging: accredited systems and message handling systems. What one is stands in `content`, a text
-- of JSON that is read and written whole; under which words it is found stands in `directory_system_key`. A row stays when the
-- system was withdrawn: its identifier is never given again.
CREATE TABLE directory_system (
    -- The identifier in small letters: two that differ in nothing else are one.
    folded         TEXT NOT NULL PRIMARY KEY,
    identifier     TEXT NOT NULL,
    kind           TEXT NOT NULL,
    content        TEXT NOT NULL,
    content_sha256 TEXT NOT NULL,
    made_at        BIGINT NOT NULL,
    changed_at     BIGINT NOT NULL,
    withdrawn_at   BIGINT,
    version        BIGINT NOT NULL
);

-- Under which values a system is found: organisation, party key, interaction, client, manufacturer. Values are in small letters with
-- single blanks. None of one that was withdrawn.
CREATE TABLE directory_system_key (
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    folded TEXT NOT NULL,
    PRIMARY KEY (name, value, folded)
);
CREATE INDEX directory_system_key_of ON directory_system_key (folded);

-- Who is, or was, in an organisation, as its part of the directory's tree is read.
CREATE INDEX directory_organisation_person_in ON directory_organisation_person (organisation, user_id);
