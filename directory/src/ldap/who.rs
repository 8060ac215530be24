//! Who asks over LDAP, and what they see.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use ldap3_proto::proto::LdapResultCode as Code;
use platform::caller::Caller;
use platform::problem::{Kind, Problem};

use super::answer::Refusal;
use super::config::HiddenConfig;
use super::entry::Entry;
use super::schema::{AttributeType, attribute};
use super::tree::Branch;
use crate::api::{LOOK_UP, READ, SYSTEMS};

/// A program that binds with a name and a secret of 256 bits.
#[derive(Clone)]
pub struct Account {
    /// What the operator calls it.
    pub name: String,
    /// The name that it binds as.
    pub dn: String,
    /// Its secret; as a password it is written in hexadecimal.
    pub secret: [u8; 32],
    /// Whether it sees people.
    pub people: bool,
    /// Attributes that it does not see.
    pub hidden: Vec<String>,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("name", &self.name).field("dn", &self.dn).finish_non_exhaustive()
    }
}

impl Account {
    /// Whether a password is its own, told in the same time whatever is wrong with it.
    pub(super) fn is_right(&self, password: &str) -> bool {
        let mut given = [0; 32];
        let is_one = hex::decode_to_slice(password.trim(), &mut given).is_ok();
        let is_same = aws_lc_rs::constant_time::verify_slices_are_equal(&given, &self.secret).is_ok();
        is_one && is_same
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(super) enum Who {
    /// Nobody who is known, and why.
    Stranger(String),
    /// Somebody of whom it cannot be found out now who they are, and what they are answered until it can.
    Undecided(Refusal),
    /// Whoever has shown a certificate, without saying more.
    Transport(Box<Caller>),
    /// The same, who has bound by it.
    Certified(Box<Caller>),
    /// A program that has bound by its secret.
    Account(Arc<Account>),
}

impl Who {
    /// Whoever a certificate shows.
    pub(super) fn of_certificate(found: Result<Option<Caller>, Problem>) -> Self {
        match found {
            Ok(Some(caller)) => Self::Transport(Box::new(caller)),
            Ok(None) => {
                Self::Stranger("Show a client certificate, or bind with a name and a secret.".to_owned())
            }
            Err(problem) => {
                problem.log();
                // RFC 4511 A.2: what passes is told by other codes than what a client has to change.
                let code = match problem.kind {
                    Kind::TooMany => Code::Busy,
                    Kind::Unavailable | Kind::TimedOut => Code::Unavailable,
                    Kind::Internal => Code::Other,
                    _ => return Self::Stranger(problem.detail),
                };
                Self::Undecided(Refusal::new(code, problem.detail))
            }
        }
    }

    /// The certificate's holder.
    pub(super) fn certified(&self) -> Option<&Caller> {
        match self {
            Self::Transport(caller) | Self::Certified(caller) => Some(caller),
            Self::Stranger(_) | Self::Undecided(_) | Self::Account(_) => None,
        }
    }

    /// Whether it is nobody who is known.
    pub(super) fn is_stranger(&self) -> bool {
        matches!(self, Self::Stranger(_))
    }

    /// Whether it is known who it is.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Stranger(_) | Self::Undecided(_))
    }

    /// Whether a branch is seen; why not, as it is answered.
    pub(super) fn sees(&self, branch: Branch) -> Result<(), Refusal> {
        let no = |why: String| Err(Refusal::new(Code::InsufficentAccessRights, why));
        match self {
            Self::Stranger(why) => no(why.clone()),
            Self::Undecided(refusal) => Err(refusal.clone()),
            Self::Account(account) if account.people || branch != Branch::People => Ok(()),
            Self::Account(account) => {
                no(format!("The account {} sees no people. Ask the operator.", account.name))
            }
            Self::Transport(caller) | Self::Certified(caller) => {
                let acts: &[_] = if branch == Branch::People { &[READ] } else { &[LOOK_UP, READ, SYSTEMS] };
                let may = acts.iter().any(|act| caller.may(*act).is_ok());
                let why = || {
                    format!("{} may not look here up. Ask the operator to grant {}.", caller.client, acts[0])
                };
                if may { Ok(()) } else { no(why()) }
            }
        }
    }

    /// Whether anything beside the description of the server is seen.
    pub(super) fn sees_anything(&self) -> Result<(), Refusal> {
        self.sees(Branch::Services)
    }

    /// Who it is as RFC 4532 answers it: nobody until they have bound.
    pub(super) fn authorization(&self) -> String {
        match self {
            Self::Stranger(_) | Self::Undecided(_) | Self::Transport(_) => String::new(),
            Self::Certified(caller) => format!("u:{}", caller.client),
            Self::Account(account) => format!("dn:{}", account.dn),
        }
    }

    /// Who it is in the audit record.
    pub(super) fn actor(&self) -> audit::Actor {
        match self {
            Self::Transport(caller) | Self::Certified(caller) => audit::Actor::from(&**caller),
            Self::Account(account) => audit::Actor {
                kind: "system".to_owned(),
                subject: account.name.clone(),
                client: Some(format!("ldap:{}", account.name)),
                organisation: None,
                role_profile: None,
                session: None,
            },
            Self::Stranger(_) | Self::Undecided(_) => audit::Actor::system("directory"),
        }
    }
}

/// Who asks, with what is hidden from them.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    who: Who,
    hidden: Vec<&'static AttributeType>,
}

impl Viewer {
    /// By the rules of the configuration, or those of an account.
    pub(super) fn new(who: Who, rules: &HiddenConfig) -> Self {
        let names: &[String] = match &who {
            Who::Stranger(_) | Who::Undecided(_) => &[],
            Who::Transport(_) => &rules.certificate,
            Who::Certified(_) => &rules.external,
            Who::Account(account) => &account.hidden,
        };
        let hidden = names.iter().filter_map(|name| attribute(name)).collect();
        Self { who, hidden }
    }

    /// An entry without what is hidden: it is not there for filters and comparisons either.
    pub(super) fn without_hidden(&self, mut entry: Entry) -> Entry {
        for one in &self.hidden {
            entry.hide(one);
        }
        entry
    }

    /// Whether anything is hidden.
    pub(super) fn sees_all_attributes(&self) -> bool {
        self.hidden.is_empty()
    }
}

impl Deref for Viewer {
    type Target = Who;

    fn deref(&self) -> &Who {
        &self.who
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use platform::caller::CallerKind;

    use super::*;
    use crate::ldap::dn::Dn;

    fn account(people: bool) -> Account {
        let hidden = vec!["NHSGMC".to_owned()];
        Account {
            name: "reader".to_owned(),
            dn: "cn=reader,o=nhs".to_owned(),
            secret: [7; 32],
            people,
            hidden,
        }
    }

    fn caller(acts: &[&str]) -> Who {
        let caller = Caller::new(CallerKind::System, "pas", "pas".parse().unwrap(), acts.iter().copied());
        Who::Transport(Box::new(caller))
    }

    /// Only the right secret is right, and it is shown nowhere.
    #[test]
    fn secrets_are_compared() {
        let account = account(false);
        assert!(account.is_right(&"07".repeat(32)) && account.is_right(&format!(" {}\n", "07".repeat(32))));
        for wrong in ["", "07", &"00".repeat(32), &"7".repeat(64), &"zz".repeat(32)] {
            assert!(!account.is_right(wrong), "{wrong}");
        }
        assert!(!format!("{account:?}").contains("secret"));
    }

    /// People are seen by who may read the register; the rest by who may look up.
    #[test]
    fn branches_are_seen_by_who_may() {
        let sees = |who: &Who| Branch::ALL.map(|branch| who.sees(branch).is_ok());
        assert_eq!(sees(&caller(&["directory:look-up"])), [true, true, false, true, true]);
        assert_eq!(sees(&caller(&["directory:read"])), [true; 5]);
        assert_eq!(sees(&caller(&["ca:issue"])), [false; 5]);
        assert_eq!(sees(&Who::Account(Arc::new(account(false)))), [true, true, false, true, true]);
        assert_eq!(sees(&Who::of_certificate(Ok(None))), [false; 5]);
        assert_eq!(caller(&[]).authorization(), "");
        assert_eq!(Who::Account(Arc::new(account(true))).authorization(), "dn:cn=reader,o=nhs");
    }

    /// What passes is told as that, and is not taken for a certificate that is not good.
    #[test]
    fn what_passes_makes_nobody_a_stranger() {
        let soon = Duration::from_secs(1);
        for (problem, code) in [
            (Problem::unavailable("a", "Away.", soon), Code::Unavailable),
            (Problem::timed_out("a", "Slow."), Code::Unavailable),
            (Problem::too_many("a", "Too many.", soon), Code::Busy),
            (Problem::internal("broken"), Code::Other),
        ] {
            let who = Who::of_certificate(Err(problem));
            assert!(!who.is_stranger() && !who.is_known() && who.certified().is_none(), "{code:?}");
            assert_eq!(who.sees_anything().map_err(|refusal| refusal.code), Err(code));
        }
        for problem in [Problem::unauthenticated("a", "Revoked."), Problem::forbidden("a", "Another's.")] {
            let who = Who::of_certificate(Err(problem));
            assert!(who.is_stranger() && !who.is_known());
            assert_eq!(
                who.sees_anything().map_err(|refusal| refusal.code),
                Err(Code::InsufficentAccessRights)
            );
        }
    }

    /// What is hidden is not there, by the rules for how somebody is known.
    #[test]
    fn attributes_are_hidden() {
        let rules = HiddenConfig { certificate: vec!["nhsGDC".to_owned()], external: Vec::new() };
        let shown = |who: Who| {
            let mut entry = Entry::new(Dn::default(), &["top"], "top");
            entry.put("nhsGMC", ["1"]);
            entry.put("nhsGDC", ["2"]);
            let viewer = Viewer::new(who, &rules);
            let entry = viewer.without_hidden(entry);
            (entry.values("nhsGMC").len(), entry.values("nhsGDC").len(), viewer.sees_all_attributes())
        };
        assert_eq!(shown(caller(&[])), (1, 0, false));
        assert_eq!(shown(Who::Account(Arc::new(account(true)))), (0, 1, false));
        assert_eq!(shown(Who::of_certificate(Ok(None))), (1, 1, true));
    }
}
