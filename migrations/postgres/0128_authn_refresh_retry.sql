-- Of tokens that were given for a refresh token: for which, by its hash. Where the answer was lost, it may be asked for again while nobody has used them.
ALTER TABLE authn_token ADD COLUMN follows TEXT COLLATE "C";
