//! Where the demo keeps things, all under one folder.

use std::path::{Path, PathBuf};

use crate::keypair::Pair;

/// The client that sets the register up.
pub(super) const OPERATOR: &str = "register-operator";

/// The folder and what is in it.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) root: PathBuf,
}

impl Places {
    /// Under this folder.
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { root: std::path::absolute(folder)? })
    }

    /// What is handed out: the prescription, its signature, and what a stranger needs to check it.
    pub(super) fn out(&self) -> PathBuf {
        self.root.join("out")
    }

    pub(super) fn out_file(&self, name: &str) -> PathBuf {
        self.out().join(name)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// What people were sent.
    pub(super) fn mailbox(&self) -> PathBuf {
        self.root.join("mailbox")
    }

    /// The certificate with which the registration desk calls.
    pub(super) fn desk(&self) -> Pair {
        Pair::in_folder(&self.root.join("clients"), "registration-desk")
    }

    /// The certificate with which the prescribing system calls.
    pub(super) fn system(&self) -> Pair {
        Pair::in_folder(&self.root.join("clients"), "prescribing-system")
    }

    /// The certificate with which whoever sets the register up calls.
    pub(super) fn operator(&self) -> Pair {
        Pair::in_folder(&self.root.join("clients"), OPERATOR)
    }

    /// Somebody's sign-in certificate, by their user id.
    pub(super) fn person_of(&self, user_id: &str) -> Pair {
        Pair::in_folder(&self.root.join("people"), user_id)
    }

    /// The prescriber's own sign-in certificate.
    pub(super) fn person(&self) -> Pair {
        Pair::in_folder(&self.root.join("prescriber"), "sign-in")
    }

    /// The passphrase the prescriber chose.
    pub(super) fn passphrase(&self) -> PathBuf {
        self.root.join("prescriber/passphrase")
    }

    /// The root that clients trust.
    pub(super) fn trusted_root(&self) -> PathBuf {
        self.root.join("clients/root.pem")
    }
}
