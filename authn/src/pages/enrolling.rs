//! The pages of enrolling.

use askama::Template;

use super::Frame;

/// A link was opened: from here on it belongs to this browser.
#[derive(Template)]
#[template(path = "enrol_start.html")]
pub(crate) struct EnrolStart<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The address of the link.
    pub here: &'a str,
    /// For whom it is: the user id in groups.
    pub person: &'a str,
    /// Whether it takes the place of everything else.
    pub recovers: bool,
}

/// Choosing what to enrol.
#[derive(Template)]
#[template(path = "enrol_choose.html")]
pub(crate) struct EnrolChoose<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The address of the link.
    pub here: &'a str,
}

/// Enrolling a key.
#[derive(Template)]
#[template(path = "enrol_key.html")]
pub(crate) struct EnrolKey<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The address of the link.
    pub here: &'a str,
    /// The word of what is enrolled.
    pub kind: &'a str,
    /// A name to begin with.
    pub name: &'a str,
}

/// Enrolling an app.
#[derive(Template)]
#[template(path = "enrol_app.html")]
pub(crate) struct EnrolApp<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The address of the link.
    pub here: &'a str,
    /// The seed, as people type it.
    pub seed: &'a str,
    /// The address that an app opens on the same device.
    pub address: &'a str,
    /// How many squares the picture is wide.
    pub width: i32,
    /// The black squares of the picture, as the path of an SVG.
    pub squares: &'a str,
    /// The address that was typed before.
    pub email: &'a str,
    /// The name that was typed before.
    pub name: &'a str,
    /// Whether address and password are set already, and stay.
    pub known: bool,
}

/// Showing that an address is theirs who adds an app.
#[derive(Template)]
#[template(path = "enrol_address.html")]
pub(crate) struct EnrolAddress<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// The address of the link.
    pub here: &'a str,
    /// The address to which a code was sent.
    pub email: &'a str,
}

/// It is done.
#[derive(Template)]
#[template(path = "enrol_done.html")]
pub(crate) struct EnrolDone<'a> {
    /// What is around it.
    pub frame: Frame<'a>,
    /// What can be used from now on.
    pub label: &'a str,
}
