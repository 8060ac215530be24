-- In which roles the documents of an authorisation are written, each with the place of the first document, and the earliest and latest of the times
-- at which their authors say that they sign, as far as they were known when it was given: JSON. Absent for those of before.
ALTER TABLE signer_authorisation ADD COLUMN authors TEXT;
-- Why a request that is answered later is not signed, where its author may not sign it: JSON.
ALTER TABLE signer_job ADD COLUMN refusal TEXT;
