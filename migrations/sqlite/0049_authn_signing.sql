-- What somebody decided about what a request for a token asks to have signed, as JSON; absent while nothing is decided, and where nothing is to be signed.

ALTER TABLE authn_interaction ADD COLUMN signing TEXT;
