//! The import of people from CSV: `docs/people.md` has the layout.

use std::collections::BTreeSet;

use platform::caller::Caller;
use platform::db::{self, Tx};
use platform::id::UserId;

use super::creating::{self, Created, Creation};
use super::telling::tell;
use super::{name, national_insurance};
use crate::acting::{Doing, Way};
use crate::api::{
    Channel, ImportMode, ImportRow, Imported, Name, Origin, PersonKind, Registration, RowOutcome, Trial,
};
use crate::error::Error;
use crate::register::Register;
use crate::store::people_links::{self, By, Link};
use crate::store::{people, savepoints};

/// The largest file.
pub(crate) const LARGEST: usize = 4 * 1024 * 1024;
/// How many rows a file has at most, and how many where all of them are one act.
const MOST_ROWS: usize = 5_000;
const MOST_ROWS_AT_ONCE: usize = 1_000;

const COLUMNS: [&str; 16] = [
    "external_id",
    "user_id",
    "title",
    "given",
    "middle",
    "family",
    "on_card",
    "birth",
    "gender",
    "national_insurance_number",
    "email",
    "mobile",
    "registration_body",
    "registration_number",
    "looked_at",
    "user_name",
];

/// A row that could be read.
#[derive(Debug, Clone)]
struct Good {
    external_id: String,
    user_name: String,
    creation: Creation,
}

/// A row, and what it says or what is wrong with it.
struct Line {
    number: u64,
    external_id: Option<String>,
    read: Result<Good, Error>,
}

/// How it is done.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) source: String,
    pub(crate) mode: ImportMode,
    pub(crate) trial: Trial,
}

/// Imports a file.
pub(crate) async fn import(
    register: &Register,
    caller: Caller,
    how: &Import,
    file: &[u8],
) -> Result<Imported, Error> {
    let lines = lines(register, file)?;
    let one_act = how.mode == ImportMode::All || how.trial == Trial::Yes;
    let most = if one_act { MOST_ROWS_AT_ONCE } else { MOST_ROWS };
    if lines.len() > most {
        return Err(Error::field(
            "file",
            format!("A file for this has at most {most} rows. Send it in parts."),
        ));
    }
    let source = how.source.clone();
    let rows = if one_act {
        together(register, caller, source, how.trial, lines).await?
    } else {
        one_by_one(register, &caller, &source, lines).await?
    };
    Ok(summed(how.trial, rows))
}

/// Each row by itself: what was done when the machine stops stays done, and the same file goes on from there.
async fn one_by_one(
    register: &Register,
    caller: &Caller,
    source: &str,
    lines: Vec<Line>,
) -> Result<Vec<ImportRow>, Error> {
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let (caller, source) = (caller.clone(), source.to_owned());
        let done = match line.read {
            Ok(good) => {
                let done = register.act_in_way(caller, Way::Import, register.now(), move |tx, doing| {
                    Box::pin(async move { apply(tx, &doing, &source, good).await })
                });
                done.await
            }
            Err(error) => Err(error),
        };
        rows.push(told(line.number, line.external_id, done)?);
    }
    Ok(rows)
}

/// Why a transaction was undone: with the rows as they would have been, or because something failed.
enum Undone {
    Rows(Vec<ImportRow>),
    Failed(Error),
}

impl From<Error> for Undone {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<db::Error> for Undone {
    fn from(error: db::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// All rows in one transaction, which is undone if one is bad or it is a trial.
async fn together(
    register: &Register,
    caller: Caller,
    source: String,
    trial: Trial,
    lines: Vec<Line>,
) -> Result<Vec<ImportRow>, Error> {
    let done: Result<Vec<ImportRow>, Undone> = register
        .act_in_way(caller, Way::Import, register.now(), move |tx, doing| {
            Box::pin(async move {
                let rows = each(tx, &doing, &source, lines).await?;
                let bad = rows.iter().any(|row| row.outcome == RowOutcome::Refused);
                if trial == Trial::Yes || bad { Err(Undone::Rows(rows)) } else { Ok(rows) }
            })
        })
        .await;
    match done {
        Ok(rows) => Ok(rows),
        Err(Undone::Failed(error)) => Err(error),
        Err(Undone::Rows(rows)) => Ok(rows.into_iter().map(|row| undone(row, trial)).collect()),
    }
}

async fn each(tx: &mut Tx, doing: &Doing, source: &str, lines: Vec<Line>) -> Result<Vec<ImportRow>, Error> {
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let done = match line.read {
            Ok(good) => {
                savepoints::begin(tx).await?;
                let done = apply(tx, doing, source, good).await;
                // A bad row leaves nothing behind for the next.
                if done.is_ok() {
                    savepoints::keep(tx).await?;
                } else {
                    savepoints::undo(tx).await?;
                }
                done
            }
            Err(error) => Err(error),
        };
        rows.push(told(line.number, line.external_id, done)?);
    }
    Ok(rows)
}

/// A row of a transaction that was undone.
fn undone(row: ImportRow, trial: Trial) -> ImportRow {
    let made = row.outcome == RowOutcome::Created;
    let done = made || row.outcome == RowOutcome::Changed;
    ImportRow {
        outcome: if done && trial == Trial::No { RowOutcome::LeftOut } else { row.outcome },
        // The id of a profile that was not made is somebody else's one day.
        user_id: row.user_id.filter(|_| !made),
        ..row
    }
}

/// What became of a row; only what is wrong with the machine is an error of the whole.
fn told(
    line: u64,
    external_id: Option<String>,
    done: Result<(RowOutcome, UserId), Error>,
) -> Result<ImportRow, Error> {
    match done {
        Ok((outcome, user)) => Ok(ImportRow { line, external_id, outcome, user_id: Some(user), error: None }),
        Err(error @ (Error::Field { .. } | Error::Conflict { .. } | Error::NotAllowed { .. })) => {
            let error = Some(error.to_string());
            Ok(ImportRow { line, external_id, outcome: RowOutcome::Refused, user_id: None, error })
        }
        Err(error) => Err(error),
    }
}

fn summed(dry_run: Trial, rows: Vec<ImportRow>) -> Imported {
    let count =
        |outcome| u64::try_from(rows.iter().filter(|row| row.outcome == outcome).count()).unwrap_or(u64::MAX);
    Imported {
        dry_run,
        created: count(RowOutcome::Created),
        changed: count(RowOutcome::Changed),
        unchanged: count(RowOutcome::Unchanged),
        refused: count(RowOutcome::Refused),
        left_out: count(RowOutcome::LeftOut),
        rows,
    }
}

/// Does what one row says.
async fn apply(tx: &mut Tx, doing: &Doing, source: &str, good: Good) -> Result<(RowOutcome, UserId), Error> {
    let content = good.creation.content();
    let known = people_links::find(&mut *tx, source, By::ExternalId(&good.external_id)).await?;
    if let Some(mut link) = known {
        if good.creation.user_id.as_ref().is_some_and(|id| *id != link.user) {
            let sentence = "Another user id was taken over for this external id.";
            return Err(Error::conflict("user-id-differs", sentence));
        }
        if link.content == content && link.user_name == good.user_name {
            return Ok((RowOutcome::Unchanged, link.user));
        }
        let profile = people::find(&mut *tx, &link.user).await?;
        let profile = profile.ok_or_else(|| Error::unknown("person", &link.user))?;
        tell(tx, doing, profile, &good.creation, &BTreeSet::new()).await?;
        (link.content, link.user_name) = (content, good.user_name);
        people_links::change(tx, &link, doing.now).await?;
        return Ok((RowOutcome::Changed, link.user));
    }
    match creating::create(tx, doing, good.creation).await? {
        Created::Made(profile) => {
            let user = profile.user_id;
            let named = Link::named(source.to_owned(), good.external_id, good.user_name, user.clone());
            let link = Link { content, ..named };
            if !people_links::add(tx, &link, doing.now).await? {
                return Err(Error::conflict("user-name-taken", "Another row has this user name."));
            }
            Ok((RowOutcome::Created, user))
        }
        Created::PossibleDuplicates(candidates) => {
            let ids: Vec<String> = candidates.iter().map(|one| one.user_id.to_string()).collect();
            Err(Error::conflict(
                "possible-duplicate",
                format!(
                    "May be the same person as {}. Look at them; if it is somebody else, write these ids into looked_at.",
                    ids.join(" ")
                ),
            ))
        }
    }
}

/// Reads a file: its heading, then each row by itself.
fn lines(register: &Register, file: &[u8]) -> Result<Vec<Line>, Error> {
    let wrong = |sentence: String| Error::field("file", sentence);
    // Spreadsheets put a mark before the first column.
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let text = std::str::from_utf8(file).map_err(|error| {
        wrong(format!("It is not UTF-8 from byte {} on. Save it as CSV UTF-8.", error.valid_up_to()))
    })?;
    closed_quotes(text)?;
    let mut reader =
        csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let heading = reader.headers().map_err(|_| wrong("Its first line is no heading.".to_owned()))?.clone();
    let mut seen = BTreeSet::new();
    for column in &heading {
        if !COLUMNS.contains(&column) || !seen.insert(column) {
            let columns = COLUMNS.join(", ");
            return Err(wrong(format!(
                "Its heading has a column that is unknown or there twice. Columns are {columns}."
            )));
        }
    }
    for needed in ["external_id", "given", "family"] {
        if !seen.contains(needed) {
            return Err(wrong(format!("Its heading lacks the column {needed}.")));
        }
    }
    let mut lines = Vec::new();
    let mut ids = BTreeSet::new();
    let mut place = Place { at: 0, line: 1 };
    for record in reader.records() {
        let record = record.map_err(|_| wrong("A row cannot be read as CSV.".to_owned()))?;
        let number = place.line_of(text, record.position().map_or(0, csv::Position::byte));
        let cell = |column: &str| {
            let at = heading.iter().position(|name| name == column)?;
            record.get(at).filter(|cell| !cell.is_empty())
        };
        let external_id = cell("external_id").map(str::to_owned);
        let mut read = if record.len() == heading.len() {
            row(register, cell)
        } else {
            Err(wrong(format!("It has {} cells, the heading has {}.", record.len(), heading.len())))
        };
        if external_id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
            read = Err(Error::field("external_id", "Another row of this file has the same."));
        }
        lines.push(Line { number, external_id, read });
        if lines.len() > MOST_ROWS {
            return Err(wrong(format!("A file has at most {MOST_ROWS} rows. Send it in parts.")));
        }
    }
    Ok(lines)
}

/// Refuses a file in which a quote is opened and not closed in its line: the cell would swallow the rows that follow. No
/// column has breaks of lines.
fn closed_quotes(text: &str) -> Result<(), Error> {
    for (at, line) in text.lines().enumerate() {
        let (mut begins, mut quoted) = (true, false);
        let mut characters = line.chars().peekable();
        while let Some(one) = characters.next() {
            match (quoted, one) {
                (true, '"') if characters.peek() == Some(&'"') => {
                    characters.next();
                }
                (true, '"') => quoted = false,
                (true, '\r') => break,
                (false, '"') if begins => quoted = true,
                _ => {}
            }
            begins = !quoted && matches!(one, ',' | '\r');
        }
        if quoted {
            let sentence =
                format!("The quote in line {} is not closed in its line. Close it, or double it.", at + 1);
            return Err(Error::field("file", sentence));
        }
    }
    Ok(())
}

/// How far the lines of a file are counted. Where a line ends with CR LF, the reader of CSV counts it with the row after.
struct Place {
    at: usize,
    line: u64,
}

impl Place {
    /// The line of the row that begins at a byte, or after the breaks there.
    fn line_of(&mut self, text: &str, byte: u64) -> u64 {
        let bytes = text.as_bytes();
        let mut begin = usize::try_from(byte).unwrap_or(bytes.len()).clamp(self.at, bytes.len());
        while matches!(bytes.get(begin), Some(b'\r' | b'\n')) {
            begin += 1;
        }
        for at in self.at..begin {
            let ends = bytes[at] == b'\n' || (bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
            self.line += u64::from(ends);
        }
        self.at = begin;
        self.line
    }
}

/// Reads a row.
fn row<'r>(register: &Register, cell: impl Fn(&str) -> Option<&'r str>) -> Result<Good, Error> {
    let owned = |column: &str| cell(column).map(str::to_owned);
    let external_id = super::text::line("external_id", cell("external_id").unwrap_or_default(), 100)?;
    let name = Name {
        title: owned("title"),
        given: owned("given").unwrap_or_default(),
        middle: owned("middle"),
        family: owned("family").unwrap_or_default(),
        on_card: owned("on_card"),
    };
    let registration = match (cell("registration_body"), cell("registration_number")) {
        (None, None) => Vec::new(),
        (Some(body), Some(number)) => {
            let body = body.parse().map_err(|_| {
                Error::field(
                    "registration_body",
                    "Write GMC, NMC, GPhC, PSNI, GDC, HCPC, GOC, SWE, GOsC, GCC, RCN, GMP, GDP or Consultant.",
                )
            })?;
            vec![Registration { body, number: number.to_owned() }]
        }
        _ => return Err(Error::field("registration_number", "Write the body and the number, or neither.")),
    };
    let user_id = cell("user_id").map(str::parse::<UserId>).transpose();
    let looked_at: Result<BTreeSet<UserId>, _> =
        cell("looked_at").unwrap_or_default().split_whitespace().map(str::parse).collect();
    let gender = cell("gender").map(str::parse).transpose();
    let list = |column: &str| -> Vec<String> {
        cell(column).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let national_insurance = cell("national_insurance_number")
        .map(|number| national_insurance::kept(&register.document_key, number))
        .transpose()?;
    let creation = Creation {
        kind: PersonKind::Person,
        name: name::checked(name)?,
        birth: cell("birth").map(|text| super::birth(text, register.today())).transpose()?,
        gender: gender.map_err(|_| Error::field("gender", "Write female, male, other or not-stated."))?,
        national_insurance,
        organisation: None,
        notes: None,
        evidence: Vec::new(),
        emails: creating::addresses(Channel::Email, &list("email"))?,
        mobiles: creating::addresses(Channel::Mobile, &mobiles(cell("mobile")))?,
        registrations: creating::registrations(&registration)?,
        looked_at: looked_at
            .map_err(|_| Error::field("looked_at", "Write user ids of twelve digits with blanks between."))?,
        origin: Origin::Imported,
        user_id: user_id.map_err(|_| Error::field("user_id", "A user id has twelve digits."))?,
    };
    Ok(Good { user_name: owned("user_name").unwrap_or_else(|| external_id.clone()), external_id, creation })
}

/// One number; blanks stand inside it.
fn mobiles(cell: Option<&str>) -> Vec<String> {
    cell.map(str::to_owned).into_iter().collect()
}
