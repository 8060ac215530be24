//! What others may say to the register: its acts and the types on the wire.

mod actor;
mod assignments;
mod campaigns;
mod changes;
mod claims;
mod client;
mod feed;
mod follower;
mod imports;
mod organisations;
mod page;
mod people;
mod people_contact;
mod people_evidence;
mod people_import;
mod permissions;
mod positions;
mod rbac;
mod reported;
mod reports;
mod requests;
mod subscriptions;
mod systems;
mod workgroups;

pub use actor::{ActingAs, ActingRole};
pub use assignments::*;
pub use campaigns::*;
pub use feed::*;
pub use imports::*;
pub use page::{Page, PageQuery};
pub use permissions::{
    CardAct, CardPermissionQuery, PeopleThere, PeopleThereQuery, PermissionQuery, PersonThere,
    ReportPermission, ReportPermissionQuery,
};
pub use positions::*;
pub use reported::{Joined, Rows, Whose, day_filter, days_filter, word_filter};
pub use reports::*;
pub use requests::*;
pub use subscriptions::ProgramTold;
pub use systems::*;
pub use workgroups::*;

pub use crate::day::Day;
pub use crate::person::{
    Letter, Told, ToldThere, Unproved, Way, tell_at, tell_by_message, tell_there, typed_address as address,
    ways_to,
};
pub use crate::store::people_closed::closed;
pub use crate::store::people_contacts::has_shown_email;
pub use crate::store::role_holders::{RoleHolder, RoleStanding, has_role_profiles, role_holder};
pub use crate::store::systems_withdrawn::{registered, registered_at, withdrawn};
pub use changes::{Change, ChangeKind, ChangeQuery, Changes, Consumer, Progress};
pub use claims::{ClaimsPart, ClaimsQuery, NamedRole, PersonClaims};
pub use client::Client;
pub use follower::Follower;
pub use organisations::{
    ChildrenQuery, CloseOrganisation, Dates, NewOrganisation, Organisation, OrganisationAddress,
    OrganisationChange, OrganisationContact, OrganisationKind, OrganisationQuery, OrganisationRecord,
    OrganisationRelationship, OrganisationRole, OrganisationStatus, OrganisationSummary, Organisations,
    Period, RaHost, RecordClass, RecordUse, RoleWeight, Succession, SuccessionKind,
};
pub use people::{
    Candidate, ChangeName, ChangePerson, ClosePerson, CloseReason, Closing, DuplicateReason, FormerName,
    Gender, HistoryRow, MergePeople, MergedInto, Name, NameReason, NewPerson, Origin, People, PeopleQuery,
    Person, PersonHistory, PersonKind, PersonRow, PersonState, Personal, PossibleDuplicate, ReopenPerson,
    ReopenReason, Standing,
};
pub use people_contact::{
    Channel, CodeSent, Contact, ContactCode, Custody, CustodyLog, GiveCard, MessageState, NewContact,
    Nothing, Photo, ProfessionalBody, Registration, SentMessage, SentMessages,
};
pub use people_evidence::{CheckMethod, DocumentKind, Evidence, IdentityLevel, NewEvidence, VerifyPerson};
pub use people_import::{ImportMode, ImportQuery, ImportRow, Imported, RowOutcome, Trial};
pub use rbac::{
    Activities, ActivityItem, BaselineDifference, CodeItem, CodeQuery, Codes, Difference, DifferenceQuery,
    EffectiveRequest, EffectiveRight, EffectiveRights, Reason, Release, Releases, RenamedCode, Shift,
};

use platform::caller::Act;

/// To read the register.
pub const READ: Act = Act("directory:read");
/// To ask what somebody may do, for a module that acts in their name.
pub const ASK: Act = Act("directory:ask");
/// To follow the change feed.
pub const CHANGES: Act = Act("directory:changes");
/// To act in the register in one's own rank; what that allows, [`crate::authority::may`] decides for each act.
pub const ACT: Act = Act("directory:act");
/// To bring national data in: organisations and roles.
pub const IMPORT: Act = Act("directory:import");
/// To send what a personnel system knows.
pub const FEED: Act = Act("directory:feed");
/// To do what no rank allows: make the first RA manager of an organisation that hosts an RA.
pub const OPERATE: Act = Act("directory:operate");
/// To register, change and withdraw systems: accredited systems and message handling systems.
pub const SYSTEMS: Act = Act("directory:systems");
/// To look up systems and organisations on the faces of the national directory: FHIR and LDAP.
pub const LOOK_UP: Act = Act("directory:look-up");
/// To export people, roles, organisations and relationships over FHIR, all of them at once.
pub const EXPORT: Act = Act("directory:export");
/// To be told over FHIR when people, roles or organisations change.
pub const SUBSCRIBE: Act = Act("directory:subscribe");
/// To know of a person what relying parties are told: for sign-in.
pub const CLAIMS: Act = Act("directory:claims");
