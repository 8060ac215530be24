-- The requests about somebody: those that end when they leave, and those that note what they changed of their own.
CREATE INDEX directory_request_user ON directory_request (user_id, request_id);
