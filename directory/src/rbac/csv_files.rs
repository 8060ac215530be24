//! A release as CSV files, in the layout that `docs/rbac.md` describes.
//!
//! Five files in one folder, each with a first line that names its columns. The order of the columns does not matter; a
//! column that is missing or not known is refused, and every fault names file and line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Result as IoResult};
use std::path::Path;
use std::str::FromStr;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::code;
use super::content::{Activity, Baseline, Content, Entry, Group};
use super::{ActivityCode, AreaCode, JobRoleCode};
use crate::error::Error;

/// The files, with their columns.
pub const FILES: [(&str, &[&str]); 5] = [
    ("job-roles.csv", &["category", "category_name", "group", "group_name", "code", "name"]),
    ("areas.csv", &["category", "category_name", "group", "group_name", "code", "name"]),
    ("activities.csv", &["code", "name"]),
    ("inclusions.csv", &["activity", "includes"]),
    ("baselines.csv", &["job_role", "area", "restriction_set", "activity"]),
];

/// How many rows one file has at most.
const MOST_ROWS: usize = 2_000_000;
/// The longest text in a field.
const LONGEST: usize = 300;

/// Reads a release of this name from the files of a folder.
pub fn from_folder(name: &str, folder: &Path) -> Result<Content, Error> {
    from_csv(name, |file| File::open(folder.join(file)))
}

/// Reads a release of this name from files that `open` opens.
pub fn from_csv<R: Read>(
    name: &str,
    mut open: impl FnMut(&'static str) -> IoResult<R>,
) -> Result<Content, Error> {
    let name = name.trim();
    if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
        return Err(Error::field("name", "give the name of the release, such as 27.2"));
    }
    let mut content = Content { name: name.to_owned(), ..Content::default() };
    content.job_roles = Table::open(0, &mut open)?.entries::<JobRoleCode>(JobRoleCode::LETTERS)?;
    content.areas = Table::open(1, &mut open)?.entries::<AreaCode>(AreaCode::LETTERS)?;
    content.activities = Table::open(2, &mut open)?.activities()?;
    let known = Known {
        job_roles: content.job_roles.iter().map(|one| one.code).collect(),
        areas: content.areas.iter().map(|one| one.code).collect(),
        activities: content.activities.iter().map(|one| one.code).collect(),
    };
    content.inclusions = Table::open(3, &mut open)?.inclusions(&known)?;
    content.baselines = Table::open(4, &mut open)?.baselines(&known)?;
    Ok(content)
}

/// The codes that rows may name.
struct Known {
    job_roles: BTreeSet<JobRoleCode>,
    areas: BTreeSet<AreaCode>,
    activities: BTreeSet<ActivityCode>,
}

/// A file whose columns are known.
struct Table<R> {
    file: &'static str,
    reader: csv::Reader<R>,
    /// For each of our columns: where it stands in the file.
    places: BTreeMap<&'static str, usize>,
}

/// A row with where it stands.
struct Row<'t> {
    file: &'static str,
    line: u64,
    record: &'t StringRecord,
    places: &'t BTreeMap<&'static str, usize>,
}

impl<R: Read> Table<R> {
    fn open(which: usize, open: &mut impl FnMut(&'static str) -> IoResult<R>) -> Result<Self, Error> {
        let (file, columns) = FILES[which];
        let fault = |sentence: String| Error::File { place: file.to_owned(), sentence };
        let opened = open(file).map_err(|error| fault(format!("it cannot be opened: {error}")))?;
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(opened);
        let heads = reader.headers().map_err(|error| unreadable(file, &error))?;
        let mut places = BTreeMap::new();
        for (place, head) in heads.iter().enumerate() {
            let head = head.trim_start_matches('\u{feff}');
            let Some(column) = columns.iter().find(|column| **column == head) else {
                return Err(fault(format!(
                    "the column {head:?} is not known; expected {}",
                    columns.join(", ")
                )));
            };
            if places.insert(*column, place).is_some() {
                return Err(fault(format!("the column {head:?} stands twice")));
            }
        }
        match columns.iter().find(|column| !places.contains_key(*column)) {
            Some(missing) => Err(fault(format!("the column {missing} is missing in the first line"))),
            None => Ok(Self { file, reader, places }),
        }
    }

    fn rows(&mut self, mut take: impl FnMut(Row<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let mut record = StringRecord::new();
        let mut many = 0;
        while self.reader.read_record(&mut record).map_err(|error| unreadable(self.file, &error))? {
            many += 1;
            let line = record.position().map_or(0, csv::Position::line);
            let row = Row { file: self.file, line, record: &record, places: &self.places };
            if many > MOST_ROWS {
                return Err(row.fault(format!("there are more than {MOST_ROWS} rows")));
            }
            take(row)?;
        }
        Ok(())
    }

    fn entries<C: FromStr + Copy + Ord + ToString>(mut self, letters: &[u8]) -> Result<Vec<Entry<C>>, Error>
    where
        C::Err: std::fmt::Display,
    {
        let (mut entries, mut seen) = (Vec::new(), BTreeSet::new());
        self.rows(|row| {
            let code: C = row.code("code")?;
            row.once(&mut seen, code)?;
            entries.push(Entry {
                code,
                name: row.text("name")?,
                group: row.group("group", "group_name", letters.get(1).copied())?,
                category: row.group("category", "category_name", letters.first().copied())?,
            });
            Ok(())
        })?;
        Ok(entries)
    }

    fn activities(mut self) -> Result<Vec<Activity>, Error> {
        let (mut activities, mut seen) = (Vec::new(), BTreeSet::new());
        self.rows(|row| {
            let code: ActivityCode = row.code("code")?;
            row.once(&mut seen, code)?;
            activities.push(Activity { code, name: row.text("name")? });
            Ok(())
        })?;
        Ok(activities)
    }

    fn inclusions(mut self, known: &Known) -> Result<Vec<(ActivityCode, ActivityCode)>, Error> {
        let mut inclusions = Vec::new();
        self.rows(|row| {
            let activity = row.known("activity", &known.activities, "activity")?;
            let included = row.known("includes", &known.activities, "activity")?;
            if activity == included {
                return Err(row.fault(format!("{activity} includes itself; leave the row out")));
            }
            inclusions.push((activity, included));
            Ok(())
        })?;
        Ok(inclusions)
    }

    fn baselines(mut self, known: &Known) -> Result<Vec<Baseline>, Error> {
        let mut baselines = Vec::new();
        self.rows(|row| {
            let area = match row.field("area") {
                "" => None,
                _ => Some(row.known("area", &known.areas, "area of work")?),
            };
            let restriction_set = match row.field("restriction_set") {
                "" => None,
                _ => Some(row.text("restriction_set")?),
            };
            baselines.push(Baseline {
                job_role: row.known("job_role", &known.job_roles, "job role")?,
                area,
                restriction_set,
                activity: row.known("activity", &known.activities, "activity")?,
            });
            Ok(())
        })?;
        Ok(baselines)
    }
}

impl Row<'_> {
    fn fault(&self, sentence: impl Into<String>) -> Error {
        Error::File { place: format!("{} line {}", self.file, self.line), sentence: sentence.into() }
    }

    fn field(&self, column: &'static str) -> &str {
        self.places.get(column).and_then(|place| self.record.get(*place)).unwrap_or_default()
    }

    fn text(&self, column: &'static str) -> Result<String, Error> {
        let text = self.field(column);
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(self.fault(format!("{column} is empty, too long, or has control characters")));
        }
        Ok(text.to_owned())
    }

    fn code<C: FromStr>(&self, column: &'static str) -> Result<C, Error>
    where
        C::Err: std::fmt::Display,
    {
        let text = self.field(column);
        text.parse().map_err(|not| self.fault(format!("{column} {text:?} is {not}")))
    }

    fn known<C: FromStr + Ord + ToString>(
        &self,
        column: &'static str,
        known: &BTreeSet<C>,
        what: &'static str,
    ) -> Result<C, Error>
    where
        C::Err: std::fmt::Display,
    {
        let code: C = self.code(column)?;
        if known.contains(&code) {
            return Ok(code);
        }
        Err(self.fault(format!(
            "the {what} {} is not in the release; add it or leave the row out",
            code.to_string()
        )))
    }

    fn once<C: Ord + Copy + ToString>(&self, seen: &mut BTreeSet<C>, code: C) -> Result<(), Error> {
        if seen.insert(code) {
            return Ok(());
        }
        Err(self.fault(format!("{} stands in the file twice", code.to_string())))
    }

    /// A group or category: both its code and its name, or neither.
    fn group(
        &self,
        code: &'static str,
        name: &'static str,
        letter: Option<u8>,
    ) -> Result<Option<Group>, Error> {
        if self.field(code).is_empty() && self.field(name).is_empty() {
            return Ok(None);
        }
        let text = self.field(code).to_ascii_uppercase();
        let letter = letter.unwrap_or_default();
        if code::one(&text, letter).is_none() {
            let letter = char::from(letter);
            return Err(self.fault(format!("{code} {text:?} is not {letter} and four digits")));
        }
        Ok(Some(Group { code: text, name: self.text(name)? }))
    }
}

fn unreadable(file: &'static str, error: &csv::Error) -> Error {
    let line = error.position().map(csv::Position::line);
    let place = line.map_or_else(|| file.to_owned(), |line| format!("{file} line {line}"));
    Error::File { place, sentence: format!("the row cannot be read: {error}") }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Error as IoError, ErrorKind};

    use super::*;
    use crate::rbac::Book;

    /// A small release in the five files.
    pub(in crate::rbac) const SMALL: [(&str, &str); 5] = [
        (
            "job-roles.csv",
            "category,category_name,group,group_name,code,name\n\
             S8000,Clinical,G8000,Clinical Provision,R8000,Clinical Practitioner Access Role\n\
             S8001,Support,G8002,Support,S8001:G8002:R8008,\"Admin/Clinical Support Access Role\"\n,,,,R1290,Pharmacist\n",
        ),
        (
            "areas.csv",
            "code,name,category,category_name,group,group_name\nT0640,Phlebotomy,P0020,Diagnostics,Q0300,Pathology\n",
        ),
        (
            "activities.csv",
            "code,name\nB0820,View Patient Demographics\nB0825,Amend Patient Demographics\n\
             B0570,Perform Pharmacy Activities\nB0572,Manage Pharmacy Activities\n",
        ),
        ("inclusions.csv", "activity,includes\nB0825,B0820\nB0572,B0570\n"),
        (
            "baselines.csv",
            "job_role,area,restriction_set,activity\nR8008,,EPS Pharmacy,B0572\nR8000,T0640,,B0820\nR8000,,,B0825\n",
        ),
    ];

    /// The small release with one file otherwise.
    pub(in crate::rbac) fn with(file: &str, text: &str) -> Result<Content, Error> {
        from_csv("27.2", |name| {
            let known = SMALL.iter().find(|one| one.0 == name).map(|one| one.1);
            let chosen = if name == file { Some(text) } else { known };
            chosen.map(str::as_bytes).ok_or(IoError::from(ErrorKind::NotFound))
        })
    }

    pub(in crate::rbac) fn small() -> Content {
        with("", "").unwrap()
    }

    /// The files make a release, in whatever order their columns stand.
    #[test]
    fn files_make_a_release() {
        let book = Book::new(1, small()).unwrap();
        let role = book.job_role("R8008".parse().unwrap()).unwrap();
        assert_eq!(role.path().as_deref(), Some("S8001:G8002:R8008"));
        assert_eq!(book.job_role("R1290".parse().unwrap()).unwrap().path(), None);
        let area = book.area("T0640".parse().unwrap()).unwrap();
        assert_eq!(area.path().as_deref(), Some("P0020:Q0300:T0640"));
        assert_eq!((book.name(), book.content().baselines.len()), ("27.2", 3));
        // The same rows in another order are the same release.
        let turned = "job_role,area,restriction_set,activity\nR8000,,,B0825\nR8008,,EPS Pharmacy,B0572\nR8000,T0640,,B0820\n";
        assert_eq!(Book::new(1, with("baselines.csv", turned).unwrap()).unwrap().sha256(), book.sha256());
    }

    /// What is wrong is said with file and line.
    #[test]
    fn faults_name_file_and_line() {
        let check = |file: &str, text: &str, words: &[&str]| {
            let said = with(file, text).unwrap_err().to_string();
            for words in words {
                assert!(said.contains(words), "{said}");
            }
        };
        let head = "activity,includes\n";
        check(
            "inclusions.csv",
            &format!("{head}B0825,B0820\nB0825,B9999\n"),
            &["inclusions.csv line 3", "B9999 is not in"],
        );
        check(
            "inclusions.csv",
            &format!("{head}B0825,R8000\n"),
            &["line 2", "\"R8000\" is not an activity code"],
        );
        check("inclusions.csv", &format!("{head}B0825,B0825\n"), &["line 2", "includes itself"]);
        check("inclusions.csv", "activity,included\n", &["\"included\" is not known", "activity, includes"]);
        check("inclusions.csv", "activity\n", &["includes is missing"]);
        check("inclusions.csv", "activity,includes,activity\n", &["stands twice"]);
        check("inclusions.csv", &format!("{head}B0825\n"), &["inclusions.csv line 2", "cannot be read"]);
        check("activities.csv", "code,name\nB0820,\n", &["activities.csv line 2", "name is empty"]);
        check(
            "activities.csv",
            "code,name\nB0820,View\nb0820,View again\n",
            &["line 3", "B0820 stands in the file twice"],
        );
        let head = "job_role,area,restriction_set,activity\n";
        check(
            "baselines.csv",
            &format!("{head}R8009,,,B0825\n"),
            &["baselines.csv line 2", "job role R8009"],
        );
        check("baselines.csv", &format!("{head}R8000,T0001,,B0825\n"), &["area of work T0001"]);
        let head = "category,category_name,group,group_name,code,name\n";
        check(
            "areas.csv",
            &format!("{head}S0020,Wrong letter,Q0300,Pathology,T0640,Blood\n"),
            &["areas.csv line 2", "not P and four digits"],
        );
        check(
            "areas.csv",
            &format!("{head}P0020,,Q0300,Pathology,T0640,Blood\n"),
            &["category_name is empty"],
        );
        let missing = from_csv("27.2", |_| Err::<&[u8], _>(IoError::from(ErrorKind::NotFound))).unwrap_err();
        assert!(missing.to_string().contains("job-roles.csv: it cannot be opened"), "{missing}");
        assert!(from_csv(" ", |_| Ok(&b""[..])).unwrap_err().to_string().contains("27.2"));
    }
}
