-- The digest that a signature is over, where that is longer than the SHA-256 by which it was authorised.
ALTER TABLE signer_signature ADD COLUMN hashed BYTEA;
