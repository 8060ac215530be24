-- Tokens of requests end by themselves, so that none outlives its request, and nobody looks at what was agreed to when the rest is erased.

-- When the request is over; 0 where a process of an earlier release made the token.
ALTER TABLE signer_request_token ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
UPDATE signer_request_token SET expires_at =
    COALESCE((SELECT r.expires_at FROM signer_request r WHERE r.request_id = signer_request_token.request_id), 0);
CREATE INDEX signer_request_token_expiry ON signer_request_token (expires_at);

CREATE INDEX signer_request_unsigned ON signer_request (expires_at) WHERE authorisation_id IS NULL;
