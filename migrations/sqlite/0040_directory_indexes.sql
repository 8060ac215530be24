-- Ways that only many rows need.

-- Whether somebody is in a position already: asked for each assignment. By the position alone it would read all its holders.
CREATE INDEX directory_assignment_pair ON directory_assignment (user_id, position_id, state);
-- The assignments of a position page by page, those that have ended among them.
CREATE INDEX directory_assignment_position_page ON directory_assignment (position_id, assignment_id);
-- The requests of some organisations, however many there are elsewhere.
CREATE INDEX directory_request_organisation ON directory_request (organisation, state, request_id);
-- Codes whose time is over; messages that hold none any more are not looked at.
CREATE INDEX directory_message_code ON directory_message (until) WHERE code IS NOT NULL;
