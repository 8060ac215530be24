-- Whenever a token is given, a session is opened or something is swept, each index of the table is written too: none stays that no question
-- needs, and none has rows that its questions never look for.

-- Systems have their grants in no session.
DROP INDEX authn_grant_sid;
CREATE INDEX authn_grant_sid ON authn_grant (sid, client_id) WHERE sid IS NOT NULL;
-- Of a grant's tokens those are looked for that followed a refresh token.
DROP INDEX authn_token_grant;
CREATE INDEX authn_token_follows ON authn_token (follows) WHERE follows IS NOT NULL;
-- Sessions are looked for by what opened them while they are open: authn_session_open_authenticator.
DROP INDEX authn_session_authenticator;
