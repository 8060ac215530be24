-- People, temporary access cards and robots.
CREATE TABLE directory_person (
    user_id      TEXT NOT NULL PRIMARY KEY,
    kind         TEXT NOT NULL,
    state        TEXT NOT NULL,
    version      BIGINT NOT NULL,
    -- Of whom this was a second record, if it was one.
    merged_into  TEXT,
    standing     TEXT NOT NULL DEFAULT 'unverified',
    assurance    TEXT NOT NULL DEFAULT 'none',
    origin       TEXT NOT NULL DEFAULT 'registered',
    title        TEXT,
    given        TEXT NOT NULL DEFAULT '',
    middle       TEXT,
    family       TEXT NOT NULL DEFAULT '',
    on_card      TEXT,
    birth        TEXT,
    gender       TEXT,
    ni_mask      TEXT,
    ni_hash      TEXT,
    -- Whose temporary access card or robot it is.
    organisation TEXT,
    created_at   BIGINT NOT NULL DEFAULT 0,
    changed_at   BIGINT NOT NULL DEFAULT 0,
    closed_at    BIGINT,
    close_reason TEXT,
    close_notes  TEXT
);
CREATE INDEX directory_person_birth ON directory_person (birth, user_id);
CREATE INDEX directory_person_state ON directory_person (state, user_id);
CREATE INDEX directory_person_ni ON directory_person (ni_hash);
CREATE INDEX directory_person_merged ON directory_person (merged_into);
CREATE INDEX directory_person_closed ON directory_person (closed_at, user_id);
CREATE INDEX directory_person_organisation ON directory_person (organisation, user_id);

-- Under which normalised names a person is found: `family given` and `given family`, present and former.
CREATE TABLE directory_person_key (
    key     TEXT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (key, user_id)
);
CREATE INDEX directory_person_key_user ON directory_person_key (user_id);

-- Every name that a person has had here, the present one last.
CREATE TABLE directory_person_name (
    user_id  TEXT NOT NULL,
    number   BIGINT NOT NULL,
    title    TEXT,
    given    TEXT NOT NULL,
    middle   TEXT,
    family   TEXT NOT NULL,
    on_card  TEXT,
    reason   TEXT NOT NULL,
    evidence TEXT,
    at       BIGINT NOT NULL,
    PRIMARY KEY (user_id, number)
);

-- Documents that were shown. Of a number there are four characters and a keyed hash, both gone once erased.
CREATE TABLE directory_evidence (
    evidence_id TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT NOT NULL,
    document    TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    number_mask TEXT,
    number_hash TEXT,
    method      TEXT NOT NULL,
    checker     TEXT NOT NULL,
    checked_on  TEXT NOT NULL,
    noted_at    BIGINT NOT NULL,
    erased_at   BIGINT
);
CREATE INDEX directory_evidence_user ON directory_evidence (user_id, evidence_id);
CREATE INDEX directory_evidence_hash ON directory_evidence (number_hash);

-- E-mail addresses and mobile telephones; of a code that is on its way there is a keyed hash.
CREATE TABLE directory_contact (
    contact_id  TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT NOT NULL,
    channel     TEXT NOT NULL,
    value       TEXT NOT NULL,
    verified_at BIGINT,
    code_hash   TEXT,
    code_until  BIGINT,
    tries       BIGINT NOT NULL,
    made_at     BIGINT NOT NULL,
    UNIQUE (user_id, channel, value)
);
CREATE INDEX directory_contact_value ON directory_contact (value, user_id);

-- Messages that a mailer sends. The code stands here in clear until it was sent or its time is over.
CREATE TABLE directory_message (
    message_id TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT NOT NULL,
    channel    TEXT NOT NULL,
    address    TEXT NOT NULL,
    template   TEXT NOT NULL,
    code       TEXT,
    until      BIGINT NOT NULL,
    made_at    BIGINT NOT NULL,
    sent_at    BIGINT
);
CREATE INDEX directory_message_until ON directory_message (until);
CREATE INDEX directory_message_user ON directory_message (user_id);

-- Photographs, apart from the profile, which is read far more often.
CREATE TABLE directory_photo (
    user_id TEXT NOT NULL PRIMARY KEY,
    media   TEXT NOT NULL,
    width   BIGINT NOT NULL,
    height  BIGINT NOT NULL,
    sha256  TEXT NOT NULL,
    bytes   BLOB NOT NULL,
    set_at  BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- Registrations with professional bodies: a number of a body is one person's.
CREATE TABLE directory_registration (
    body    TEXT NOT NULL,
    number  TEXT NOT NULL,
    user_id TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (body, number)
);
CREATE INDEX directory_registration_user ON directory_registration (user_id);
CREATE INDEX directory_registration_number ON directory_registration (number, user_id);

-- Who has had a temporary access card; one person at a time.
CREATE TABLE directory_custody (
    custody_id TEXT NOT NULL PRIMARY KEY,
    user_id    TEXT NOT NULL,
    holder     TEXT NOT NULL,
    given_by   TEXT NOT NULL,
    given_at   BIGINT NOT NULL,
    due_on     TEXT,
    back_to    TEXT,
    back_at    BIGINT,
    notes      TEXT
);
CREATE UNIQUE INDEX directory_custody_out ON directory_custody (user_id) WHERE back_at IS NULL;
CREATE INDEX directory_custody_card ON directory_custody (user_id, custody_id);

-- What was done to a profile, in its order; values of names, dates and numbers are not among it.
CREATE TABLE directory_person_history (
    user_id TEXT NOT NULL,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    act     TEXT NOT NULL,
    by_kind TEXT NOT NULL,
    by_whom TEXT NOT NULL,
    details TEXT NOT NULL,
    PRIMARY KEY (user_id, version)
);
