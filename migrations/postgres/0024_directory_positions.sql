-- Positions of organisations; `rank` is the highest rank in the registration authority that one gives, with what it includes.
CREATE TABLE directory_position (
    position_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    organisation  TEXT NOT NULL,
    name          TEXT NOT NULL,
    name_key      TEXT COLLATE "C" NOT NULL,
    notes         TEXT,
    state         TEXT NOT NULL,
    rank          TEXT,
    close_reason  TEXT,
    close_approver TEXT,
    closed_at     BIGINT,
    version       BIGINT NOT NULL
);
CREATE INDEX directory_position_organisation ON directory_position (organisation, position_id);

-- What a position gives: an organisation, a job role, areas of work and added activities. A row stays when it is taken
-- away, for the role profiles that were minted for it. Lists are codes with blanks between them.
CREATE TABLE directory_access_profile (
    access_profile_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    position_id       TEXT COLLATE "C" NOT NULL,
    place             BIGINT NOT NULL,
    organisation      TEXT NOT NULL,
    job_role          TEXT NOT NULL,
    areas             TEXT NOT NULL,
    activities        TEXT NOT NULL,
    removed_at        BIGINT
);
CREATE INDEX directory_access_profile_position ON directory_access_profile (position_id, place);

-- The workgroups that an access profile puts its holders into.
CREATE TABLE directory_access_profile_workgroup (
    access_profile_id TEXT COLLATE "C" NOT NULL,
    workgroup_id      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (access_profile_id, workgroup_id)
);
CREATE INDEX directory_access_profile_workgroup_of ON directory_access_profile_workgroup (workgroup_id);

-- Positions that a position includes.
CREATE TABLE directory_position_inclusion (
    position_id TEXT COLLATE "C" NOT NULL,
    included_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (position_id, included_id)
);
CREATE INDEX directory_position_inclusion_of ON directory_position_inclusion (included_id);

-- Positions that the holders of a sponsor's position may assign.
CREATE TABLE directory_position_assignable (
    position_id   TEXT COLLATE "C" NOT NULL,
    assignable_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (position_id, assignable_id)
);

-- What was done to a position, and who approved it how.
CREATE TABLE directory_position_history (
    position_id TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    act         TEXT NOT NULL,
    by_kind     TEXT NOT NULL,
    by_subject  TEXT NOT NULL,
    how         TEXT,
    approver    TEXT,
    PRIMARY KEY (position_id, version)
);

-- People in positions, from a day to a day. A row stays when it has ended or was taken away.
CREATE TABLE directory_assignment (
    assignment_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id       TEXT NOT NULL,
    position_id   TEXT COLLATE "C" NOT NULL,
    organisation  TEXT NOT NULL,
    from_day      TEXT COLLATE "C" NOT NULL,
    to_day        TEXT COLLATE "C",
    state         TEXT NOT NULL,
    notes         TEXT,
    via           TEXT NOT NULL,
    made_by       TEXT NOT NULL,
    made_at       BIGINT NOT NULL,
    removed_by    TEXT,
    removed_at    BIGINT,
    removed_why   TEXT,
    version       BIGINT NOT NULL
);
CREATE INDEX directory_assignment_user ON directory_assignment (user_id, state);
CREATE INDEX directory_assignment_position ON directory_assignment (position_id, state, assignment_id);
CREATE INDEX directory_assignment_end ON directory_assignment (state, to_day);
CREATE INDEX directory_assignment_organisation ON directory_assignment (organisation, state);

-- The id of a person in an organisation, for life.
CREATE TABLE directory_organisation_person (
    user_id                TEXT NOT NULL,
    organisation           TEXT NOT NULL,
    organisation_person_id TEXT NOT NULL UNIQUE,
    PRIMARY KEY (user_id, organisation)
);

-- The id of a person with an access profile, for life.
CREATE TABLE directory_role_profile (
    user_id           TEXT NOT NULL,
    access_profile_id TEXT COLLATE "C" NOT NULL,
    role_profile_id   TEXT NOT NULL UNIQUE,
    PRIMARY KEY (user_id, access_profile_id)
);

-- Who has left, from where, and the numbers of the change feed that tell of it.
CREATE TABLE directory_leaving (
    leaving_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id      TEXT NOT NULL,
    organisation TEXT,
    last_day     TEXT COLLATE "C" NOT NULL,
    reason       TEXT NOT NULL,
    at           BIGINT NOT NULL,
    told         BIGINT
);
CREATE INDEX directory_leaving_user ON directory_leaving (user_id, leaving_id);
CREATE INDEX directory_leaving_due ON directory_leaving (last_day) WHERE told IS NULL;

-- Workgroups, a tree for each organisation: the first one is its root.
CREATE TABLE directory_workgroup (
    workgroup_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    organisation TEXT NOT NULL,
    parent       TEXT,
    name         TEXT NOT NULL,
    version      BIGINT NOT NULL
);
CREATE INDEX directory_workgroup_organisation ON directory_workgroup (organisation, workgroup_id);
CREATE INDEX directory_workgroup_parent ON directory_workgroup (parent);
CREATE UNIQUE INDEX directory_workgroup_root ON directory_workgroup (organisation) WHERE parent IS NULL;

-- Role profiles that were put into a workgroup directly, from a day to a day.
CREATE TABLE directory_workgroup_member (
    member_id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    workgroup_id    TEXT COLLATE "C" NOT NULL,
    role_profile_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    from_day        TEXT COLLATE "C" NOT NULL,
    to_day          TEXT COLLATE "C",
    removed_at      BIGINT,
    version         BIGINT NOT NULL
);
CREATE INDEX directory_workgroup_member_of ON directory_workgroup_member (workgroup_id, member_id);
CREATE INDEX directory_workgroup_member_role ON directory_workgroup_member (role_profile_id);
