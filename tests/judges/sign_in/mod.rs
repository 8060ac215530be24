//! Sign-in before strangers: clients of npm and of Python, and a browser in which people sign in.
//!
//! What the strangers do stands in `js/` and `python/`; here are the servers that they are given.

mod chip;
mod kit;
mod place;
mod register;
mod scripts;

use place::Place;

/// openid-client and oauth4webapi sign people in, with a browser in between, by every way in which a client can prove who it is:
/// discovery, code with PKCE, refresh, userinfo, introspection, revocation, pushed requests, signing out and back-channel logout.
#[test]
fn clients_of_npm_sign_people_in() {
    scripts::node("clients.mjs", &Place::start());
}

/// In Chromium people enrol keys, devices and apps and sign in with them, choose roles, look after what is theirs and sign out; what
/// must be refused is, no page breaks a rule of WCAG 2.2 AA, and none breaks its own content security policy.
#[test]
fn people_sign_in_with_a_browser() {
    scripts::node("people.mjs", &Place::start());
}

/// Chromium shows a client certificate on the port for cards and is signed in; a revoked one, one of a system and none at all are
/// told why they are not.
#[test]
fn cards_are_shown_to_the_port_for_cards() {
    scripts::node("cards.mjs", &Place::start());
}

/// An application that is written by hand has a prescriber sign in Chromium with a virtual security key, from the click to the signature
/// and its evidence, which the command checks; she sees it on her own page, and ends her credential. Cards can be shown nowhere here, and
/// whoever is asked for one is told so.
#[test]
fn prescribers_sign_with_a_browser() {
    scripts::node("signing.mjs", &Place::without_cards());
}

/// In Chromium the page has a workstation's agent sign with a card, and the server looks at path, purpose and revocation; a card that
/// is taken out ends its session. A prescriber signs a prescription with their card in the same way, and not without an agent or a passcode.
#[test]
fn cards_sign_through_an_agent() {
    scripts::node("agent.mjs", &Place::with_agent());
}

/// Authlib signs somebody in who has an authenticator app and a program for pages that runs no script.
#[test]
fn authlib_signs_somebody_in() {
    scripts::python("authlib_client.py", &Place::start());
}

/// The page for those who build applications shows the code that the tests run.
#[test]
fn example_is_the_code_that_runs() {
    let page = include_str!("../../../docs/sign-in.md");
    assert!(page.contains(include_str!("js/example.mjs")), "docs/sign-in.md shows another example");
}
