//! Writes the list of migrations that the program embeds, one for each engine, from the names of their files.
//!
//! The macro that would do it compiles the drivers of both databases a second time, for the machine that builds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let migrations = PathBuf::from(var("CARGO_MANIFEST_DIR")?).join("../migrations");
    let mut list = String::new();
    for (engine, name) in [("sqlite", "SQLITE_FILES"), ("postgres", "POSTGRES_FILES")] {
        let folder = migrations.join(engine);
        println!("cargo::rerun-if-changed={}", folder.display());
        list.push_str(&files(name, &folder)?);
    }
    fs::write(PathBuf::from(var("OUT_DIR")?).join("migrations.rs"), list)
}

fn var(name: &str) -> io::Result<String> {
    env::var(name).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

/// A constant of this name: the number, the words and the text of each migration of a folder, in their order.
fn files(name: &str, folder: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    for file in fs::read_dir(folder.canonicalize()?)? {
        files.push(file?.path());
    }
    files.sort();
    let mut text = format!("const {name}: &[(i64, &str, &str)] = &[\n");
    for path in files {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let named =
            stem.split_once('_').and_then(|(number, words)| Some((number.parse::<i64>().ok()?, words)));
        let Some((version, words)) = named else {
            return Err(io::Error::other(format!("{}: the name is not NUMBER_WORDS.sql", path.display())));
        };
        let description = words.replace('_', " ");
        let path = path.to_str().ok_or_else(|| io::Error::other("the path of the sources is no text"))?;
        let _written = writeln!(text, "    ({version}, {description:?}, include_str!({path:?})),");
    }
    text.push_str("];\n");
    Ok(text)
}
