//! Organisations: what may be one, who hosts its registration authority, and how a national release is brought in.

mod closed;
mod events;
mod hosting;
mod import;
mod keys;
mod parts;
mod record;
mod release;
mod role_names;
mod run;
mod virtual_ones;

pub use closed::Closed;
pub use events::Event;
pub(crate) use import::import_telling;
pub use import::{Change, Difference, Mode, Progress, Refused, Report, import};
pub use release::Manifest;

pub(crate) use closed::who_follows;
pub(crate) use hosting::set_host;
pub(crate) use keys::{name_key, postcode_key};
pub(crate) use parts::Prepared;
pub(crate) use record::check;
pub(crate) use role_names::{role_name, role_names};
pub(crate) use virtual_ones::{change, close, create};
