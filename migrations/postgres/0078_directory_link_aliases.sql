-- Under which id a personnel system knows somebody as a user, and since when it does no more because two records became one.
ALTER TABLE directory_person_link ADD COLUMN resource_id TEXT;
ALTER TABLE directory_person_link ADD COLUMN retired_at BIGINT;
-- Where a system had two users of one id, the first keeps it. The other was reached by nothing and is retired.
UPDATE directory_person_link SET resource_id = user_id WHERE source LIKE 'scim %' AND external_id =
    (SELECT MIN(o.external_id) FROM directory_person_link o
     WHERE o.source = directory_person_link.source AND o.user_id = directory_person_link.user_id);
UPDATE directory_person_link SET retired_at = at WHERE source LIKE 'scim %' AND resource_id IS NULL;
UPDATE directory_link_total SET many =
    (SELECT COUNT(*) FROM directory_person_link l WHERE l.source = directory_link_total.source AND l.retired_at IS NULL);
CREATE UNIQUE INDEX directory_person_link_resource ON directory_person_link (source, resource_id);
CREATE UNIQUE INDEX directory_person_link_in_force ON directory_person_link (source, user_id)
    WHERE resource_id IS NOT NULL AND retired_at IS NULL;
