-- The ledger by certificate and time: whether it has a signature that somebody shows.
CREATE INDEX signer_signing_serial ON signer_signing (serial, signed_at);

-- The signatures of a row of evidence records.
CREATE INDEX signer_signing_records ON signer_signing (records_id) WHERE records_id IS NOT NULL;

-- Evidence records whose hash was followed by another (RFC 4998 5.3): the further chains, as a JSON list, and the object identifier of the hash
-- of the last of them; absent while there is the first alone.
ALTER TABLE signer_evidence_record ADD COLUMN chains TEXT;
ALTER TABLE signer_evidence_record ADD COLUMN chain_hash TEXT;
