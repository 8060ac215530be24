-- What messages say lies encrypted until they were sent: to a public key, whose private key the token seals. One key for everything; rows
-- that were in clear are encrypted by the next server that sweeps.
CREATE TABLE platform_message_key (
    number     BIGINT NOT NULL PRIMARY KEY,
    -- A point of P-256, uncompressed.
    public_key BLOB NOT NULL,
    -- The private key, sealed by the token for this row.
    sealed     BLOB NOT NULL,
    made_at    BIGINT NOT NULL
);
ALTER TABLE platform_message ADD COLUMN sealed BLOB;
