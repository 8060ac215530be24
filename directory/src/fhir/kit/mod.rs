//! What the faces over FHIR share: resources as trees, how they are asked for, and how they are told.

mod asked;
mod bundle;
mod capability;
mod media;
mod outcome;
mod shape;
mod tree;
mod version;
mod xml;

pub(crate) use asked::{Asked, Parameter, shown, token};
pub(crate) use bundle::{Bundle, Hit, Mode};
pub(crate) use capability::{Api, Extent, Kind, capability};
pub(crate) use media::{JSON_AND_XML, Media, ONLY_JSON, media};
pub(crate) use outcome::{LARGEST, Outcome, too_large};
pub(crate) use shape::{SHAPING, Shape, Summary};
pub(crate) use tree::{Parts, Tree, parts, resource};
pub(crate) use version::{History, Past, Stamp, stamped};
pub(crate) use xml::parameters as parameters_of_xml;
