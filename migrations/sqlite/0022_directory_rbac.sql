-- Releases of the national role-based access control. What a release holds is never changed; the highest is in force.
CREATE TABLE directory_rbac_release (
    number      BIGINT NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    imported_at BIGINT NOT NULL,
    job_roles   BIGINT NOT NULL,
    areas       BIGINT NOT NULL,
    activities  BIGINT NOT NULL,
    inclusions  BIGINT NOT NULL,
    baselines   BIGINT NOT NULL
);

-- Job roles (kind job-role: S, G, R) and areas of work (kind area: P, Q, T), each below a group and a category.
CREATE TABLE directory_rbac_code (
    release       BIGINT NOT NULL,
    kind          TEXT NOT NULL,
    code          TEXT NOT NULL,
    name          TEXT NOT NULL,
    group_code    TEXT,
    group_name    TEXT,
    category_code TEXT,
    category_name TEXT,
    PRIMARY KEY (release, kind, code)
);

-- Activities.
CREATE TABLE directory_rbac_activity (
    release BIGINT NOT NULL,
    code    TEXT NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (release, code)
);

-- Whoever may do the activity may do the included one.
CREATE TABLE directory_rbac_inclusion (
    release  BIGINT NOT NULL,
    activity TEXT NOT NULL,
    included TEXT NOT NULL,
    PRIMARY KEY (release, activity, included)
);

-- What a job role may do without more: in one area of work or in all (''), under a restriction set or under none ('').
CREATE TABLE directory_rbac_baseline (
    release         BIGINT NOT NULL,
    job_role        TEXT NOT NULL,
    area            TEXT NOT NULL,
    restriction_set TEXT NOT NULL,
    activity        TEXT NOT NULL,
    PRIMARY KEY (release, job_role, area, restriction_set, activity)
);
