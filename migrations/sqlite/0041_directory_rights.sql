-- What the stored ranks of positions follow from: the release of the national roles, and the activity of local smartcard
-- administrators. One row.
CREATE TABLE directory_rank_basis (
    id                  BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    release             BIGINT NOT NULL,
    local_administrator TEXT NOT NULL
);

-- Access profiles with the same codes come to the same by every release.
CREATE INDEX directory_access_profile_kind ON directory_access_profile (job_role, areas, activities, position_id)
    WHERE removed_at IS NULL;

-- What is given in an organisation, wherever the position is.
CREATE INDEX directory_access_profile_organisation ON directory_access_profile (organisation, position_id)
    WHERE removed_at IS NULL;
