-- Relying parties that are to be told that a session has ended, and how that went.
CREATE TABLE authn_logout (
    logout_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id    TEXT COLLATE "C" NOT NULL,
    sid          TEXT COLLATE "C" NOT NULL,
    user_id      TEXT COLLATE "C" NOT NULL,
    face         TEXT NOT NULL,
    state        TEXT NOT NULL,
    attempts     BIGINT NOT NULL,
    due_at       BIGINT NOT NULL,
    outcome      TEXT,
    created_at   BIGINT NOT NULL,
    settled_at   BIGINT
);
CREATE INDEX authn_logout_due ON authn_logout (state, due_at);
CREATE INDEX authn_logout_client ON authn_logout (client_id, logout_id);
CREATE INDEX authn_logout_created ON authn_logout (created_at);
