-- What has ended is found by its end: the sweep of ACME reads what it deletes and no more.
CREATE INDEX ca_acme_authorization_expires ON ca_acme_authorization (expires_at, id);
CREATE INDEX ca_acme_order_failed ON ca_acme_order (expires_at) WHERE state = 'invalid';
