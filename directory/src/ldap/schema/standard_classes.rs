//! Standard object classes: RFC 4512, 4519, 2798, 3672, and the one of draft-good-ldap-changelog.

use super::class::{Kind, ObjectClass};

/// By what stands on what.
#[rustfmt::skip]
pub(super) const STANDARD: &[ObjectClass] = &[
    ObjectClass {
        name: "top",
        oid: "2.5.6.0",
        above: "",
        kind: Kind::Abstract,
        must: &["objectClass"],
        may: &[],
    },
    ObjectClass {
        name: "person",
        oid: "2.5.6.6",
        above: "top",
        kind: Kind::Structural,
        must: &["sn", "cn"],
        may: &["userPassword", "telephoneNumber", "seeAlso", "description"],
    },
    ObjectClass {
        name: "organizationalPerson",
        oid: "2.5.6.7",
        above: "person",
        kind: Kind::Structural,
        must: &[],
        may: &[
            "title", "x121Address", "registeredAddress", "destinationIndicator", "preferredDeliveryMethod",
            "telexNumber", "teletexTerminalIdentifier", "telephoneNumber", "internationaliSDNNumber",
            "facsimileTelephoneNumber", "street", "postOfficeBox", "postalCode", "postalAddress",
            "physicalDeliveryOfficeName", "ou", "st", "l",
        ],
    },
    ObjectClass {
        name: "inetOrgPerson",
        oid: "2.16.840.1.113730.3.2.2",
        above: "organizationalPerson",
        kind: Kind::Structural,
        must: &[],
        may: &[
            "audio", "businessCategory", "carLicense", "departmentNumber", "displayName", "employeeNumber",
            "employeeType", "givenName", "homePhone", "homePostalAddress", "initials", "jpegPhoto",
            "labeledURI", "mail", "manager", "mobile", "o", "pager", "photo", "roomNumber", "secretary", "uid",
            "userCertificate", "x500UniqueIdentifier", "preferredLanguage", "userSMIMECertificate", "userPKCS12",
        ],
    },
    ObjectClass {
        name: "organization",
        oid: "2.5.6.4",
        above: "top",
        kind: Kind::Structural,
        must: &["o"],
        may: &[
            "userPassword", "searchGuide", "seeAlso", "businessCategory", "x121Address", "registeredAddress",
            "destinationIndicator", "preferredDeliveryMethod", "telexNumber", "teletexTerminalIdentifier",
            "telephoneNumber", "internationaliSDNNumber", "facsimileTelephoneNumber", "street", "postOfficeBox",
            "postalCode", "postalAddress", "physicalDeliveryOfficeName", "st", "l", "description",
        ],
    },
    ObjectClass {
        name: "organizationalUnit",
        oid: "2.5.6.5",
        above: "top",
        kind: Kind::Structural,
        must: &["ou"],
        may: &[
            "userPassword", "searchGuide", "seeAlso", "businessCategory", "x121Address", "registeredAddress",
            "destinationIndicator", "preferredDeliveryMethod", "telexNumber", "teletexTerminalIdentifier",
            "telephoneNumber", "internationaliSDNNumber", "facsimileTelephoneNumber", "street", "postOfficeBox",
            "postalCode", "postalAddress", "physicalDeliveryOfficeName", "st", "l", "description",
        ],
    },
    ObjectClass {
        name: "subschema",
        oid: "2.5.20.1",
        above: "",
        kind: Kind::Auxiliary,
        must: &[],
        may: &[
            "dITStructureRules", "nameForms", "dITContentRules", "objectClasses", "attributeTypes",
            "matchingRules", "matchingRuleUse",
        ],
    },
    ObjectClass {
        name: "subentry",
        oid: "2.5.17.0",
        above: "top",
        kind: Kind::Structural,
        must: &["cn", "subtreeSpecification"],
        may: &[],
    },
    ObjectClass {
        name: "extensibleObject",
        oid: "1.3.6.1.4.1.1466.101.120.111",
        above: "top",
        kind: Kind::Auxiliary,
        must: &[],
        may: &[],
    },
    ObjectClass {
        name: "changeLogEntry",
        oid: "2.16.840.1.113730.3.2.1",
        above: "top",
        kind: Kind::Structural,
        must: &["changenumber", "targetdn", "changetype"],
        may: &["changes", "changetime"],
    },
];
