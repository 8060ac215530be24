//! What a workstation's agent and the server say to each other, as JSON.

pub mod relay;
pub mod sign_in;
pub mod signing;
