-- How many challenges of CIS1 wait for their cards is counted for the network that asked for them, in an index alone. What hangs on a request or
-- a session has none.
ALTER TABLE authn_ceremony ADD COLUMN network TEXT;
CREATE INDEX authn_ceremony_network ON authn_ceremony (network, expires_at) WHERE network IS NOT NULL;
