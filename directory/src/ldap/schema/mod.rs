//! The schema: which attribute types and object classes there are, and how values are compared.
//!
//! It is the national directory's as its servers publish it: attributes without a rule for equality have none here either.

mod attribute;
mod class;
mod nhs;
mod nhs_classes;
mod published;
mod rule;
mod standard;
mod standard_classes;

pub(super) use attribute::{AttributeType, Usage, attribute, attributes};
pub(super) use class::{class, with_those_above};
pub(super) use published::{SUBSCHEMA, subschema};
pub(super) use rule::Rule;
