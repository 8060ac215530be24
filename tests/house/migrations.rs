//! Migrations: the same on both engines, and portable.

use std::collections::BTreeMap;

use crate::tree::Source;

/// Column types that one of the engines lacks, or that our SQL driver cannot read on both.
const NOT_PORTABLE: &[&str] = &[
    "JSON",
    "JSONB",
    "UUID",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "DATE",
    "DATETIME",
    "BOOLEAN",
    "BOOL",
    "SERIAL",
    "BIGSERIAL",
    "VARCHAR",
    "INTEGER",
    "INT",
    "REAL",
    "NUMERIC",
    "DECIMAL",
];

/// Finds migrations that one engine has and the other has not, and numbers used twice.
pub(crate) fn same_on_both_engines(migrations: &[Source]) -> Vec<String> {
    let names = |engine: &str| -> Vec<&str> {
        let folder = format!("migrations/{engine}/");
        migrations.iter().filter_map(|file| file.path.strip_prefix(folder.as_str())).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    let mut findings = Vec::new();
    for (here, there, other) in [(&sqlite, &postgres, "postgres"), (&postgres, &sqlite, "sqlite")] {
        let lonely = here.iter().filter(|name| !there.contains(name));
        findings.extend(lonely.map(|name| format!("migrations/{other} has no {name}")));
    }
    let mut numbers = BTreeMap::new();
    for name in sqlite {
        let number = name.split('_').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            findings.push(format!("migrations/sqlite/{name}: does not begin with four digits and a line"));
        }
        if let Some(earlier) = numbers.insert(number, name) {
            findings.push(format!("migrations/sqlite: {earlier} and {name} have one number"));
        }
    }
    findings
}

/// Finds column types that are not TEXT, BIGINT, DOUBLE PRECISION, BLOB or BYTEA.
pub(crate) fn portable(migrations: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in migrations {
        for (at, line) in file.text.lines().enumerate() {
            let code = line.split("--").next().unwrap_or_default().to_uppercase();
            // In a definition the type is the second word: `revoked_at BIGINT NOT NULL`.
            // SQLite numbers rows by a column that is exactly INTEGER PRIMARY KEY, and by no other.
            let parts = code.split(['(', ')', ',']).filter(|part| !part.contains("INTEGER PRIMARY KEY"));
            let types = parts.filter_map(|part| part.split_whitespace().nth(1));
            let bad = types.filter(|word| NOT_PORTABLE.contains(word));
            findings
                .extend(bad.map(|word| format!("{}:{}: {word} is not a portable type", file.path, at + 1)));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    /// A migration for one engine only, and a number used twice, are found.
    #[test]
    fn missing_migration_is_found() {
        let paths = [
            "sqlite/0001_a.sql",
            "postgres/0001_a.sql",
            "sqlite/0002_b.sql",
            "sqlite/0002_c.sql",
            "postgres/0002_c.sql",
        ];
        let migrations = paths.map(|path| source(&format!("migrations/{path}"), ""));
        assert!(same_on_both_engines(&migrations[..2]).is_empty());
        let findings = same_on_both_engines(&migrations);
        assert_eq!(
            findings,
            [
                "migrations/postgres has no 0002_b.sql",
                "migrations/sqlite: 0002_b.sql and 0002_c.sql have one number"
            ]
        );
    }

    /// A Boolean column is found; the word in a comment or as the name of a column is not.
    #[test]
    fn unportable_column_is_found() {
        let good = source(
            "migrations/sqlite/0001_a.sql",
            "a BIGINT, -- no BOOLEAN here\nserial TEXT, date TEXT, CHECK (serial > 0)\nn INTEGER PRIMARY KEY,",
        );
        let bad = source("migrations/sqlite/0001_a.sql", "CREATE TABLE t (\n a boolean)");
        assert!(portable(&[good]).is_empty());
        assert_eq!(portable(&[bad]), ["migrations/sqlite/0001_a.sql:2: BOOLEAN is not a portable type"]);
    }
}
