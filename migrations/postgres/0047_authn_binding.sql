-- To what a token is bound, who acts with it in turn, and for whom it is, where that is said.
ALTER TABLE authn_token ADD COLUMN bound TEXT;
ALTER TABLE authn_token ADD COLUMN actors TEXT;
ALTER TABLE authn_token ADD COLUMN audience TEXT;

-- Proofs of DPoP that were used, by key and the hash of their jti, until nobody could present them again.
CREATE TABLE authn_dpop_proof (
    jkt        TEXT COLLATE "C" NOT NULL,
    jti_hash   TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (jkt, jti_hash)
);
CREATE INDEX authn_dpop_proof_expires ON authn_dpop_proof (expires_at);

-- Nonces that proofs of DPoP name, one for each period.
CREATE TABLE authn_dpop_nonce (
    period     BIGINT NOT NULL PRIMARY KEY,
    nonce      TEXT NOT NULL
);

-- Messages that are due, by their client, so that no client fills the page.
CREATE INDEX authn_logout_waiting ON authn_logout (state, client_id, due_at);
