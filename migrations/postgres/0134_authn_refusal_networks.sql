-- From which network a relying party's refusals came: of those that are kept the network that has most loses its oldest, so that nobody pushes out
-- what others were refused. Those of before are as of one network.
ALTER TABLE authn_refusal ADD COLUMN network TEXT COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX authn_refusal_failed;
CREATE INDEX authn_refusal_network ON authn_refusal (client_id, failed, network, refusal_id);
