-- Assignments in force by their first day: whose roles begin to count on a day, which no act and so no change tells of.
CREATE INDEX directory_assignment_begin ON directory_assignment (from_day, user_id) WHERE state = 'live';
