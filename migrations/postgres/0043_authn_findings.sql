-- What sign-in needs so that sessions go on, guessing beside somebody slows nobody else down, and old rows go.

-- How many earlier sign-ins with something else a session goes on from; absent where there is none.
ALTER TABLE authn_session ADD COLUMN proofs BIGINT;

-- What those were: the session ends with each of them.
CREATE TABLE authn_session_proof (
    session_id    TEXT COLLATE "C" NOT NULL,
    -- An authenticator_id, or card: and the serial number of a certificate.
    authenticator TEXT COLLATE "C" NOT NULL,
    at            BIGINT NOT NULL,
    PRIMARY KEY (session_id, authenticator)
);
CREATE INDEX authn_session_proof_authenticator ON authn_session_proof (authenticator);

-- Browsers in which people have signed in with a password. One row for each person of a browser.
CREATE TABLE authn_known_browser (
    -- By what its wrong attempts are counted. It stays when the browser is given another secret.
    device  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- SHA-256 of what the browser holds.
    browser BYTEA NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT NOT NULL,
    UNIQUE (browser, user_id)
);
CREATE INDEX authn_known_browser_user ON authn_known_browser (user_id);
CREATE INDEX authn_known_browser_seen ON authn_known_browser (seen_at);

-- The keys that have signed tokens here, each as it was first taken into use.
CREATE TABLE authn_token_key (
    label    TEXT COLLATE "C" NOT NULL,
    kid      TEXT COLLATE "C" NOT NULL,
    taken_at BIGINT NOT NULL,
    PRIMARY KEY (label, kid)
);

CREATE INDEX authn_known_address_seen ON authn_known_address (seen_at);
CREATE INDEX authn_chosen_role_chosen ON authn_chosen_role (chosen_at);
CREATE INDEX authn_enrolment_expires ON authn_enrolment (expires_at);
