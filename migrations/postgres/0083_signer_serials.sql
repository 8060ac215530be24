-- The ledger by certificate and time: whether it has a signature that somebody shows.
CREATE INDEX signer_signing_serial ON signer_signing (serial, signed_at);
