-- Relying parties of sign-in.
CREATE TABLE authn_client (
    client_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    team        TEXT COLLATE "C" NOT NULL,
    name        TEXT NOT NULL,
    state       TEXT NOT NULL,
    settings    TEXT NOT NULL,
    version     BIGINT NOT NULL,
    secret_hash TEXT,
    made_at     BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL
);
CREATE INDEX authn_client_team ON authn_client (team, client_id);

-- Why a relying party was refused, for its owner.
CREATE TABLE authn_refusal (
    refusal_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id   TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,
    failed      TEXT NOT NULL,
    sentence    TEXT NOT NULL
);
CREATE INDEX authn_refusal_client ON authn_refusal (client_id, refusal_id);
CREATE INDEX authn_refusal_at ON authn_refusal (at);

-- Assertions that were used, by the hash of their jti, until they expire.
CREATE TABLE authn_assertion (
    client_id   TEXT COLLATE "C" NOT NULL,
    jti_hash    TEXT COLLATE "C" NOT NULL,
    expires_at  BIGINT NOT NULL,
    PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX authn_assertion_expires ON authn_assertion (expires_at);

-- The keys of relying parties that publish them, as they were last fetched.
CREATE TABLE authn_client_keys (
    client_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    uri         TEXT NOT NULL,
    keys        TEXT,
    fetched_at  BIGINT,
    tried_at    BIGINT NOT NULL,
    outcome     TEXT NOT NULL
);
