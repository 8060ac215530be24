//! National role-based access control: job roles, areas of work, activities, and what a role profile may do.
//!
//! What the nation publishes comes in numbered releases. A release is never changed; the highest number is in force. Each
//! process holds the one in force in memory as a [`Book`], and takes the next one when it sees its number.

mod book;
mod code;
mod content;
mod csv_files;
mod difference;
mod events;
mod fhir;
mod impact;
mod import;
mod rights;
mod shelf;

pub use book::Book;
pub use code::{ActivityCode, AreaCode, AreaPath, JobRoleCode, JobRolePath};
pub use content::{Activity, Baseline, Content, Entry, Group};
pub use csv_files::{FILES, from_csv, from_folder};
pub use difference::difference;
pub use events::Event;
pub use fhir::from_code_system;
pub(crate) use impact::count;
pub use import::{Imported, Mode, import};
pub use rights::{Giving, Rights, effective, giving, rights};

pub(crate) use shelf::{Shelf, at, committed, current, within};
