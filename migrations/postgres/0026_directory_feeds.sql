-- Under which names other systems know people: a personnel system over SCIM, or the origin of an import.
CREATE TABLE directory_person_link (
    source      TEXT NOT NULL,
    external_id TEXT NOT NULL,
    user_name   TEXT NOT NULL,
    user_id     TEXT NOT NULL,
    -- SHA-256 over what came last, so that the same again changes nothing.
    content     TEXT NOT NULL,
    at          BIGINT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE UNIQUE INDEX directory_person_link_user_name ON directory_person_link (source, user_name);
CREATE INDEX directory_person_link_person ON directory_person_link (source, user_id);
CREATE INDEX directory_person_link_user ON directory_person_link (user_id);

-- The people of an organisation.
CREATE INDEX directory_assignment_people ON directory_assignment (organisation, state, user_id);
