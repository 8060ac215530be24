-- What personnel systems say of the users that they announced, beyond the profile (RFC 7643). Which user it is stands in
-- directory_person_link, with the same source and external_id.
CREATE TABLE directory_scim_user (
    source        TEXT COLLATE "C" NOT NULL,
    external_id   TEXT COLLATE "C" NOT NULL,
    -- userName in small letters: it is compared without regard to case.
    user_name_key TEXT COLLATE "C" NOT NULL,
    -- How often the link or the values changed: a part of the entity tag.
    revision      BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    PRIMARY KEY (source, external_id)
);
CREATE UNIQUE INDEX directory_scim_user_name ON directory_scim_user (source, user_name_key);

-- The parts of values of which there are several, such as type and primary of an e-mail address.
CREATE TABLE directory_scim_value (
    source      TEXT COLLATE "C" NOT NULL,
    external_id TEXT COLLATE "C" NOT NULL,
    -- emails, phoneNumbers, addresses.
    attribute   TEXT COLLATE "C" NOT NULL,
    item        BIGINT NOT NULL,
    part        TEXT COLLATE "C" NOT NULL,
    value       TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (source, external_id, attribute, item, part)
);
