-- Which holds at the authority a suspension placed: resuming lifts these and no others.

CREATE TABLE signer_hold (
    credential_id TEXT NOT NULL,
    serial        TEXT NOT NULL,
    -- When the hold began, by the authority's answer. Absent until it has answered.
    held_at       BIGINT,
    PRIMARY KEY (credential_id, serial)
) WITHOUT ROWID;

-- What was suspended before this table was there is resumed as it was until then.
INSERT INTO signer_hold (credential_id, serial)
    SELECT signer_credential.credential_id, signer_certificate.serial
    FROM signer_credential
    JOIN signer_certificate ON signer_certificate.credential_id = signer_credential.credential_id
    WHERE signer_credential.state = 'suspended';
