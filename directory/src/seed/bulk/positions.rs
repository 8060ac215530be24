//! The positions of a block, with what they give.

use super::places::{Kind, code};
use super::rows::{MADE_AT, Table, Value, id};
use crate::authority::Rank;
use crate::rbac::JobRolePath;
use crate::seed::CHECKS_SMARTCARDS;
use crate::seed::chance::Chance;
use crate::store::positions::name_key;

/// What the holders of a position do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Manager,
    Advanced,
    Agent,
    Checker,
    Administrator,
    Doctor,
    Nurse,
    Pharmacist,
    Scientist,
    Clerk,
    /// Gives positions to others.
    Sponsor,
    /// Whatever is done in an organisation that is no trust.
    Staff,
}

/// What a trust has.
const OF_TRUST: [Work; 11] = [
    Work::Manager,
    Work::Advanced,
    Work::Agent,
    Work::Checker,
    Work::Administrator,
    Work::Doctor,
    Work::Nurse,
    Work::Pharmacist,
    Work::Scientist,
    Work::Clerk,
    Work::Sponsor,
];

impl Work {
    /// The name of the position, the job role, and what is added to it.
    fn of(self, kind: Kind) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Manager => ("Registration authority managers", "S0080:G0450:R5080", ""),
            Self::Advanced => ("Registration authority agents, advanced", "S0080:G0450:R5090", "B0272 B0274"),
            Self::Agent => ("Registration authority agents", "S0080:G0450:R5090", "B0274"),
            Self::Checker => ("Identity checkers", "S8002:G8003:R8008", "B0267"),
            Self::Administrator => ("Local smartcard administrators", "S8002:G8003:R8008", CHECKS_SMARTCARDS),
            Self::Doctor => ("Doctors", "S8000:G8000:R8000", "B0420"),
            Self::Nurse => ("Nurses", "S8000:G8000:R8001", "B0825"),
            Self::Pharmacist => ("Pharmacists", "S0030:G0210:R1290", "B0570"),
            Self::Scientist => ("Biomedical scientists", "S8000:G8000:R8005", "B0620"),
            Self::Clerk => ("Clerks", "S8002:G8003:R8011", "B0820"),
            Self::Sponsor => ("Managers of the staff", "S8002:G8003:R8011", "B1300"),
            Self::Staff if kind == Kind::Pharmacy => ("Staff of the pharmacy", "S0030:G0210:R1290", "B0572"),
            Self::Staff => ("Staff", "S8000:G8000:R8001", "B0380"),
        }
    }
}

/// A position that people can be put into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) work: Work,
    /// The place of its organisation in the block.
    pub(super) place: u64,
    pub(super) position: String,
    pub(super) access_profile: String,
}

/// The tables that positions stand in.
pub(super) struct Positions {
    pub(super) posts: Vec<Post>,
    rows: Table,
    profiles: Table,
    assignable: Table,
    history: Table,
    workgroups: Table,
    in_workgroups: Table,
}

impl Positions {
    pub(super) fn new() -> Self {
        Self {
            posts: Vec::new(),
            rows: Table::new(
                "directory_position",
                "position_id, organisation, name, name_key, state, rank, version",
            ),
            profiles: Table::new(
                "directory_access_profile",
                "access_profile_id, position_id, place, organisation, job_role, areas, activities",
            ),
            assignable: Table::new("directory_position_assignable", "position_id, assignable_id"),
            history: Table::new(
                "directory_position_history",
                "position_id, version, at, act, by_kind, by_subject, how, approver",
            ),
            workgroups: Table::new(
                "directory_workgroup",
                "workgroup_id, organisation, parent, name, version",
            ),
            in_workgroups: Table::new(
                "directory_access_profile_workgroup",
                "access_profile_id, workgroup_id",
            ),
        }
    }

    /// Adds what an organisation has; in every one the manager of the staff may assign the staff.
    pub(super) fn add(&mut self, chance: &mut Chance, block: u64, place: u64) {
        let works: &[Work] = if place == 0 { &OF_TRUST } else { &[Work::Staff, Work::Sponsor] };
        let first = self.posts.len();
        for work in works {
            self.post(chance, block, place, *work);
        }
        let posts = &self.posts[first..];
        let (sponsors, others): (Vec<&Post>, Vec<&Post>) =
            posts.iter().partition(|post| post.work == Work::Sponsor);
        let given = others.iter().filter(|post| matches!(post.work, Work::Staff | Work::Nurse | Work::Clerk));
        for (sponsor, post) in given.flat_map(|post| sponsors.iter().map(move |sponsor| (sponsor, post))) {
            self.assignable.add([(&sponsor.position).into(), (&post.position).into()]);
        }
        if place == 0 {
            self.workgroup(chance, block, first);
        }
    }

    fn post(&mut self, chance: &mut Chance, block: u64, place: u64, work: Work) {
        let number = block * 10_000 + u64::try_from(self.posts.len()).unwrap_or(0);
        let (name, job_role, activities) = work.of(Kind::of(place));
        let (position, access_profile) = (id(chance, number), id(chance, number));
        let organisation = code(block, place);
        let role = job_role.parse::<JobRolePath>().ok();
        let rank = role.and_then(|role| Rank::of(role.code().as_str(), activities.split_whitespace(), None));
        let rank = rank.map_or(Value::Nothing, |rank| Value::Word(rank.word()));
        self.rows.add([
            (&position).into(),
            (&organisation).into(),
            name.into(),
            name_key(name).into(),
            "open".into(),
            rank,
            1.into(),
        ]);
        self.profiles.add([
            (&access_profile).into(),
            (&position).into(),
            0.into(),
            organisation.into(),
            job_role.into(),
            "".into(),
            activities.into(),
        ]);
        self.history.add([
            (&position).into(),
            1.into(),
            MADE_AT.into(),
            "created".into(),
            "module".into(),
            "seed".into(),
            "Invented".into(),
            "Nobody".into(),
        ]);
        self.posts.push(Post { work, place, position, access_profile });
    }

    /// The workgroups of a trust, with its nurses in one of them.
    fn workgroup(&mut self, chance: &mut Chance, block: u64, first: usize) {
        let (root, nurses) = (id(chance, block * 10_000), id(chance, block * 10_000 + 1));
        let trust = code(block, 0);
        self.workgroups.add([(&root).into(), (&trust).into(), Value::Nothing, "Trust".into(), 1.into()]);
        self.workgroups.add([(&nurses).into(), trust.into(), root.into(), "Nursing".into(), 1.into()]);
        for post in self.posts[first..].iter().filter(|post| post.work == Work::Nurse) {
            self.in_workgroups.add([(&post.access_profile).into(), (&nurses).into()]);
        }
    }

    pub(super) fn tables(self) -> [Table; 6] {
        [self.rows, self.profiles, self.assignable, self.history, self.workgroups, self.in_workgroups]
    }
}
