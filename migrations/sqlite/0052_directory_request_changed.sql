-- When something was last done to a request, by its steps.
ALTER TABLE directory_request ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
UPDATE directory_request SET changed_at = COALESCE(
    (SELECT MAX(s.at) FROM directory_request_step s WHERE s.request_id = directory_request.request_id), made_at);
CREATE INDEX directory_request_changed ON directory_request (organisation, state, changed_at);
