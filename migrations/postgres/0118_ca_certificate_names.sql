-- Certificates of neither a person nor a system by the name in them, in small letters: a system whose identifier cannot stand in a
-- certificate has its own by name alone, and they end with it.
CREATE INDEX ca_certificate_name ON ca_certificate (LOWER(common_name), serial) WHERE user_id IS NULL AND system_id IS NULL;
