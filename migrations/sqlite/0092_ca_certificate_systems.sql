-- The system of the register that a certificate names, in small letters: with it, what it was given ends.
ALTER TABLE ca_certificate ADD COLUMN system_id TEXT;
CREATE INDEX ca_certificate_system_id ON ca_certificate (system_id, serial) WHERE system_id IS NOT NULL;
