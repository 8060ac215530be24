//! The register through its rules and its router, with a real database on both engines.

#![expect(clippy::unwrap_used, reason = "a test stops at what should not be")]

mod assignments;
mod batches;
mod campaigns;
mod changes;
mod diagrams;
mod duties;
mod exports;
mod feed;
mod feed_quarantine;
mod feed_rig;
mod fhir_judge;
mod fhir_refusals;
mod imports;
mod ldap;
mod ldap_faults;
mod ldap_following;
mod ldap_judges;
mod ldap_rig;
mod leaving;
mod matrix;
mod merging;
mod names;
mod once;
mod organisation_import;
mod organisations;
mod people;
mod people_contacts;
mod people_import;
mod people_kill;
mod people_lives;
mod people_rig;
mod permissions;
mod plans;
mod positions;
mod preconditions;
mod rbac;
mod reports;
mod requests;
mod requests_looked_at;
mod requests_of_details;
mod retention;
mod rig;
mod rights;
mod roles;
mod scim;
mod scim_protocol;
mod seed_bulk;
mod seed_world;
mod sequences;
mod sequences_around;
mod spine;
mod successions;
mod systems;
mod terminology;
mod together;
mod told;
mod versions;
mod walks;
mod workers;
mod workgroups;
mod world;

#[path = "../../benches/release/mod.rs"]
mod release;
