-- How many authorisation requests wait is counted for the network that they came from, and for their client, in indexes alone.
ALTER TABLE authn_interaction ADD COLUMN network TEXT;
CREATE INDEX authn_interaction_network ON authn_interaction (network, expires_at);
CREATE INDEX authn_interaction_client ON authn_interaction (client_id, network, expires_at);
CREATE INDEX authn_pushed_client ON authn_pushed (client_id, expires_at);
