-- What was put around a signature to raise it to a level, for as long as the same request may come again: whoever sends it gets the same octets.
CREATE TABLE signer_raised (
    -- SHA-256 of the level and the signature without what is around it, in hexadecimal.
    raised_id  TEXT PRIMARY KEY NOT NULL,
    -- Certificates, unsigned attributes and, by their SHA-256 in signer_kept_list, revocation lists: JSON.
    parts      TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX signer_raised_expiry ON signer_raised (expires_at);
