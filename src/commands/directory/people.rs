//! `lanyard directory import-people`.

use std::path::Path;

use anyhow::Context as _;
use directory::api::{ImportMode, ImportRow, Imported, RowOutcome, Trial};

use super::{Desk, Form};
use crate::files;
use crate::terminal::{Count, line};

/// How many rows are sent at once.
const PART: usize = 1_000;

/// Some rows of a file, under its heading.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    text: Vec<u8>,
    /// The line of each row in the whole file.
    lines: Vec<u64>,
}

/// Brings people in, or says what would happen. Where all rows are one act, they are sent as they are.
pub(super) async fn import(
    desk: &Desk,
    file: &Path,
    source: &str,
    mode: ImportMode,
    dry_run: Trial,
) -> anyhow::Result<()> {
    let text = files::read(file)?;
    let parts = parts(&text, mode).with_context(|| format!("{} cannot be read as CSV", file.display()))?;
    let source = ca::api::percent_encoded(source);
    let path = format!("/directory/people/import?source={source}&mode={mode}&dry_run={dry_run}");
    let rows: usize = parts.iter().map(|part| part.lines.len()).sum();
    let mut count = (parts.len() > 1 && desk.form == Form::Text).then(|| Count::new("rows", rows as u64));
    let mut all = Imported {
        dry_run,
        created: 0,
        changed: 0,
        unchanged: 0,
        refused: 0,
        left_out: 0,
        rows: Vec::with_capacity(rows),
    };
    for part in parts {
        let sent = part.lines.len() as u64;
        let imported: Imported = desk.server.post_once(&path, "text/csv", part.text).await?;
        add(&mut all, imported, &part.lines);
        if let Some(count) = &mut count {
            count.add(sent);
        }
    }
    drop(count);
    desk.form.one(&all, tell)?;
    anyhow::ensure!(all.refused == 0, "{} rows were refused", all.refused);
    Ok(())
}

/// Cuts a file into parts of whole rows.
fn parts(text: &[u8], mode: ImportMode) -> anyhow::Result<Vec<Part>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text);
    let mut records = reader.byte_records();
    let heading = records.next().context("it is empty")??;
    let mut parts: Vec<Part> = Vec::new();
    let most = if mode == ImportMode::All { usize::MAX } else { PART };
    let mut writer = begun(&heading)?;
    let mut lines = Vec::new();
    for record in records {
        let record = record?;
        if lines.len() == most {
            parts.push(Part { text: std::mem::replace(&mut writer, begun(&heading)?).into_inner()?, lines });
            lines = Vec::new();
        }
        lines.push(record.position().map_or(0, csv::Position::line));
        writer.write_byte_record(&record)?;
    }
    parts.push(Part { text: writer.into_inner()?, lines });
    Ok(parts)
}

fn begun(heading: &csv::ByteRecord) -> anyhow::Result<csv::Writer<Vec<u8>>> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_byte_record(heading)?;
    Ok(writer)
}

/// Adds what became of a part, with the lines of the whole file.
fn add(all: &mut Imported, part: Imported, lines: &[u64]) {
    all.created += part.created;
    all.changed += part.changed;
    all.unchanged += part.unchanged;
    all.refused += part.refused;
    all.left_out += part.left_out;
    let rows = part.rows.into_iter().enumerate();
    all.rows
        .extend(rows.map(|(at, row)| ImportRow { line: lines.get(at).copied().unwrap_or(row.line), ..row }));
}

fn tell(imported: &Imported) {
    for row in imported.rows.iter().filter(|row| row.outcome == RowOutcome::Refused) {
        let (id, error) =
            (row.external_id.as_deref().unwrap_or("?"), row.error.as_deref().unwrap_or_default());
        line(format_args!("refused  line {} {id}: {error}", row.line));
    }
    let done = if imported.dry_run == Trial::Yes { "would be" } else { "were" };
    line(format_args!(
        "{} people {done} made, {} {done} changed, {} are as they were, {} refused, {} left out",
        imported.created, imported.changed, imported.unchanged, imported.refused, imported.left_out
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long file is cut between rows, each part under the heading, and each row keeps its line.
    #[test]
    fn long_files_are_cut_between_rows() {
        let mut text = b"external_id,given,family\n".to_vec();
        for number in 0..1_500 {
            text.extend(format!("{number},Ann,\"Example,\nof {number}\"\n").into_bytes());
        }
        let cut = parts(&text, ImportMode::Good).unwrap();
        assert_eq!(cut.iter().map(|part| part.lines.len()).collect::<Vec<_>>(), [1_000, 500]);
        assert!(cut.iter().all(|part| part.text.starts_with(b"external_id,given,family\n")));
        assert_eq!((cut[0].lines[0], cut[0].lines[1], cut[1].lines[0]), (2, 4, 2_002));
        assert!(cut[1].text.starts_with(b"external_id,given,family\n1000,Ann,\"Example,\nof 1000\"\n"));
        let whole = parts(&text, ImportMode::All).unwrap();
        assert_eq!((whole.len(), whole[0].lines.len()), (1, 1_500));
        assert!(parts(b"", ImportMode::All).is_err());
    }
}
