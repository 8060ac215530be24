-- In which roles the documents of an authorisation are written, as far as they were known when it was given: JSON, each with the place of the
-- first document. Absent for those of before.
ALTER TABLE signer_authorisation ADD COLUMN author_roles TEXT;
-- Why a request that is answered later is not signed, where its author may not sign it: JSON.
ALTER TABLE signer_job ADD COLUMN refusal TEXT;
