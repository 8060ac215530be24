-- Requests by when something was last done to them: what is over is erased in that order.
CREATE INDEX directory_request_over ON directory_request (state, changed_at, request_id);
