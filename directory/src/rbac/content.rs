//! What a release holds.

use aws_lc_rs::digest::{Context, SHA256};

use super::{ActivityCode, AreaCode, JobRoleCode};

/// A group or category above a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its code, such as `S8000`.
    pub code: String,
    /// Its name.
    pub name: String,
}

/// A job role or an area of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<C> {
    /// The code.
    pub code: C,
    /// Its name.
    pub name: String,
    /// Its group (G, Q), if it is known.
    pub group: Option<Group>,
    /// Its category (S, P), if it is known.
    pub category: Option<Group>,
}

impl<C: std::fmt::Display> Entry<C> {
    /// The code below its group and category, as in `S8000:G8000:R8000`; none if those are not known.
    pub fn path(&self) -> Option<String> {
        let (category, group) = (self.category.as_ref()?, self.group.as_ref()?);
        Some(format!("{}:{}:{}", category.code, group.code, self.code))
    }
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The code.
    pub code: ActivityCode,
    /// Its name.
    pub name: String,
}

/// A row of a baseline: whoever has the job role may do the activity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Baseline {
    /// The job role.
    pub job_role: JobRoleCode,
    /// In this area of work; none means in all.
    pub area: Option<AreaCode>,
    /// Under this restriction set; none means always.
    pub restriction_set: Option<String>,
    /// The activity.
    pub activity: ActivityCode,
}

/// What a release holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// The name of the release, such as `27.2`.
    pub name: String,
    /// Job roles.
    pub job_roles: Vec<Entry<JobRoleCode>>,
    /// Areas of work.
    pub areas: Vec<Entry<AreaCode>>,
    /// Activities.
    pub activities: Vec<Activity>,
    /// Which activity includes which.
    pub inclusions: Vec<(ActivityCode, ActivityCode)>,
    /// What job roles may do without more.
    pub baselines: Vec<Baseline>,
}

impl Content {
    /// Puts everything into the order of its codes, so that equal contents are equal.
    pub(crate) fn sort(&mut self) {
        self.job_roles.sort_by_key(|one| one.code);
        self.areas.sort_by_key(|one| one.code);
        self.activities.sort_by_key(|one| one.code);
        self.inclusions.sort_unstable();
        self.inclusions.dedup();
        self.baselines.sort_unstable();
        self.baselines.dedup();
    }

    /// SHA-256 over what it holds, in hexadecimal; it must be sorted.
    pub(crate) fn sha256(&self) -> String {
        let mut digest = Context::new(&SHA256);
        let mut line = |parts: &[&str]| {
            for part in parts {
                digest.update(part.as_bytes());
                // Ends a part: no part has it.
                digest.update(b"\0");
            }
            digest.update(b"\n");
        };
        line(&["release", &self.name]);
        for one in &self.job_roles {
            let path = one.path().unwrap_or_default();
            line(&[
                "job-role",
                one.code.as_str(),
                &one.name,
                &path,
                name(one.group.as_ref()),
                name(one.category.as_ref()),
            ]);
        }
        for one in &self.areas {
            let path = one.path().unwrap_or_default();
            line(&[
                "area",
                one.code.as_str(),
                &one.name,
                &path,
                name(one.group.as_ref()),
                name(one.category.as_ref()),
            ]);
        }
        for one in &self.activities {
            line(&["activity", one.code.as_str(), &one.name]);
        }
        for (activity, included) in &self.inclusions {
            line(&["inclusion", activity.as_str(), included.as_str()]);
        }
        for row in &self.baselines {
            let area = row.area.as_ref().map_or("", AreaCode::as_str);
            let set = row.restriction_set.as_deref().unwrap_or_default();
            line(&["baseline", row.job_role.as_str(), area, set, row.activity.as_str()]);
        }
        hex::encode(digest.finish().as_ref())
    }
}

fn name(group: Option<&Group>) -> &str {
    group.map_or("", |group| &group.name)
}
