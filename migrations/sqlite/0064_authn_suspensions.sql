-- Since when an authenticator signs nobody in although it was not taken away: its counter went back, so there may be a copy of it.
ALTER TABLE authn_authenticator ADD COLUMN suspended_at BIGINT;
