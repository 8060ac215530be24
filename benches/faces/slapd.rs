//! slapd of `OpenLDAP` with the same entries, in a process of its own: read out of ours, schema and data, and brought in by its own program.
//! Its database is mdb with indexes for what is asked, its port is over TLS with a certificate of its own, and the rest is as it comes.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::ldap::{Ldap, Search};
use crate::place::{LDAP, OFTEN, Place};
use crate::rig::line;
use crate::rig::secure::{Target, trusting};
use crate::rig::site::Site;

/// Its port, above ours.
const PORT: u16 = 21_471;
/// Debian's.
const SLAPD: &str = "/usr/sbin/slapd";
const SLAPADD: &str = "/usr/sbin/slapadd";
/// How long it may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_mins(1);
/// How often is looked whether something has come to its end.
const LOOK: Duration = Duration::from_millis(100);

/// A running slapd; ended when dropped.
pub(crate) struct Slapd {
    child: Child,
    folder: TempDir,
}

impl Slapd {
    /// Takes schema and data from our server, which has to be running on this place.
    pub(crate) fn like(place: &Place) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        let at = folder.path();
        let settings = configured(place.site(), at)?;
        let data = at.join("data.ldif");
        line("reading everything out over LDAP, for slapd");
        read_out(place.site(), &data)?;
        let (people, entries) = counted(&data)?;
        ensure!(people == place.people, "{people} people were read out");
        line(format_args!("bringing {entries} entries into slapd"));
        let added =
            Command::new(SLAPADD).args(["-q", "-s", "-f"]).arg(&settings).arg("-l").arg(&data).output();
        let added = added.with_context(|| format!("no {SLAPADD}; run `make setup`"))?;
        ensure!(added.status.success(), "slapadd: {}", String::from_utf8_lossy(&added.stderr));
        std::fs::remove_file(&data)?;
        let child = Command::new(SLAPD)
            .arg("-f")
            .arg(&settings)
            .args(["-h", &format!("ldaps://127.0.0.1:{PORT}/"), "-d", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let slapd = Self { child, folder };
        let (target, begun) = (slapd.target()?, Instant::now());
        while answers(&target).is_err() {
            ensure!(begun.elapsed() < ANSWERS_WITHIN, "slapd does not answer");
            std::thread::sleep(LOOK);
        }
        Ok(slapd)
    }

    /// It as its clients see it.
    pub(crate) fn target(&self) -> anyhow::Result<Target> {
        let tls = trusting(&self.folder.path().join("slapd.pem"), None)?;
        Ok(Target { process: self.child.id(), port: PORT, tls })
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

fn answers(target: &Target) -> anyhow::Result<usize> {
    Ldap::open(target)?.count(&Search::new("o=nhs", "o", "nhs"))
}

/// `ldapsearch` at our server, with the certificate of the registration desk.
fn ldapsearch(site: &Site) -> Command {
    let desk = site.desk();
    let mut command = Command::new("ldapsearch");
    command.env("LDAPCONF", "/dev/null").env("LDAPRC", "none").env("HOME", "/nonexistent");
    // Of localhost its library asks for a certificate with the name of the machine.
    command.env("LDAPTLS_REQCERT", "never");
    command.env("LDAPTLS_CERT", desk.certificate).env("LDAPTLS_KEY", desk.key);
    command.args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &format!("ldaps://localhost:{LDAP}")]);
    command.stdin(Stdio::null());
    command
}

/// Writes its settings, with our national schema; gives the file.
fn configured(site: &Site, folder: &Path) -> anyhow::Result<PathBuf> {
    let asked = ["-b", "cn=Subschema", "-s", "base", "(objectClass=*)", "attributeTypes", "objectClasses"];
    let answer = ldapsearch(site).args(asked).output().context("no ldapsearch; run `make setup`")?;
    let said = String::from_utf8_lossy(&answer.stdout);
    ensure!(answer.status.success(), "ldapsearch: {}", String::from_utf8_lossy(&answer.stderr));
    let is_national = |told: &&str| told.contains("( 1.2.826.0.1285.") || told.contains("NAME 'nhsTempUid'");
    let mut schema: Vec<String> = said
        .lines()
        .filter(is_national)
        .map(|told| {
            let told = told.replacen("attributeTypes: ", "attributetype ", 1);
            told.replacen("objectClasses: ", "objectclass ", 1)
        })
        .collect();
    // A class is read after what it names.
    schema.sort_by_key(|told| told.starts_with("objectclass "));
    let place = |name: &str| folder.join(name);
    std::fs::write(place("national.schema"), schema.join("\n") + "\n")?;
    std::fs::create_dir(place("data"))?;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    std::fs::write(place("slapd.pem"), made.cert.pem())?;
    std::fs::write(place("slapd.key"), made.signing_key.serialize_pem())?;
    let settings = format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/inetorgperson.schema\ninclude {}\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
         TLSCertificateFile {}\nTLSCertificateKeyFile {}\nsizelimit unlimited\n\
         database mdb\nsuffix \"o=nhs\"\ndirectory {}\nmaxsize 68719476736\n\
         index objectClass,uid,uniqueIdentifier,nhsGMC eq\n",
        place("national.schema").display(),
        place("slapd.pem").display(),
        place("slapd.key").display(),
        place("data").display(),
    );
    let file = place("slapd.conf");
    std::fs::write(&file, settings)?;
    Ok(file)
}

/// Reads every entry into a file, telling now and then how far it is.
fn read_out(site: &Site, file: &Path) -> anyhow::Result<()> {
    let mut reading = ldapsearch(site)
        .args(["-E", "pr=1000/noprompt", "-b", "o=nhs", "(objectClass=*)"])
        .stdout(File::create(file)?)
        .spawn()?;
    let mut told = Instant::now();
    let ended = loop {
        if let Some(ended) = reading.try_wait()? {
            break ended;
        }
        if told.elapsed() > OFTEN {
            line(format_args!("  {} MB so far", std::fs::metadata(file)?.len() / 1_000_000));
            told = Instant::now();
        }
        std::thread::sleep(LOOK);
    };
    ensure!(ended.success(), "ldapsearch ended with {ended}");
    Ok(())
}

/// How many people a file has, and how many entries.
fn counted(file: &Path) -> anyhow::Result<(u64, u64)> {
    let (mut people, mut entries) = (0, 0);
    for told in BufReader::new(File::open(file)?).lines() {
        let told = told?;
        if let Some(name) = told.strip_prefix("dn: ") {
            entries += 1;
            people += u64::from(name.starts_with("uid="));
        }
    }
    Ok((people, entries))
}
