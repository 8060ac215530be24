-- To which of its digests an authorisation was narrowed when it was extended, one after the other; absent: to none less than all.
ALTER TABLE signer_authorisation ADD COLUMN named BYTEA;
-- Why the certificates of a credential that is revoked here are still to be revoked at the authority; absent where nothing is left to do.
ALTER TABLE signer_credential ADD COLUMN ending TEXT;
CREATE INDEX signer_credential_ending ON signer_credential (credential_id) WHERE ending IS NOT NULL;
