//! A register over LDAP: both ports with certificates of their own, and Debian's ldapsearch to ask it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use directory::ldap::{Account, Identify, LdapConfig, LdapListener, LdapParts, Rates};
use platform::caller::{Caller, CallerKind};
use platform::db::Db;
use platform::problem::Problem;
use platform::web::{ClientCertificates, Protocols, Rate, Resumption, TlsConfig};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::rig::Rig;

/// The password of the account.
pub(crate) const SECRET: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// Why it is not found out whose a certificate is.
pub(crate) type NotFoundOut = fn() -> Problem;

/// A register with its ports of LDAP.
pub(crate) struct Ldap {
    pub(crate) rig: Rig,
    pub(crate) tls: SocketAddr,
    pub(crate) start_tls: SocketAddr,
    /// What the holder of the client certificate may do now.
    pub(crate) acts: Arc<Mutex<Vec<&'static str>>>,
    /// Why it is not found out now whose the client certificate is, if it is not.
    pub(crate) problem: Arc<Mutex<Option<NotFoundOut>>>,
    pub(crate) folder: TempDir,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), platform::web::Error>>,
}

/// As whom is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum As {
    /// The holder of the certificate, anonymously.
    Certificate,
    /// The same by SASL EXTERNAL.
    External,
    /// The account.
    Account,
    /// Nobody.
    Nobody,
}

impl Ldap {
    pub(crate) async fn new(db: Db) -> Self {
        Self::with(db, LdapConfig::default()).await
    }

    /// The same under other settings; the ports are any free ones.
    pub(crate) async fn with(db: Db, config: LdapConfig) -> Self {
        Self::counted(db, config, Rates { known: at_once(1_000_000), strangers: at_once(1_000_000) }).await
    }

    /// The same where not more may be asked than this.
    pub(crate) async fn counted(db: Db, config: LdapConfig, rates: Rates) -> Self {
        Self::around(Rig::new(db), config, rates).await
    }

    /// The same with a register of other settings.
    pub(crate) async fn around(rig: Rig, config: LdapConfig, rates: Rates) -> Self {
        platform::tls::install_crypto_provider();
        let folder = TempDir::new().unwrap();
        for name in ["server", "client"] {
            certificate(&folder, name).await;
        }
        let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let config = LdapConfig { tls: any, start_tls: any, ..config };
        let tls = TlsConfig {
            certificate: folder.path().join("server.pem"),
            key: folder.path().join("server.key"),
            client_certificates: ClientCertificates::AcceptAny,
            resumption: Resumption::Allowed,
            protocols: Protocols::Other,
        };
        let account = Account {
            name: "reader".to_owned(),
            dn: "cn=reader,o=nhs".to_owned(),
            secret: [7; 32],
            people: true,
            hidden: vec!["nhsGMC".to_owned()],
        };
        let acts = Arc::new(Mutex::new(vec!["directory:read"]));
        let problem: Arc<Mutex<Option<NotFoundOut>>> = Arc::default();
        let (granted, refused) = (acts.clone(), problem.clone());
        let identify: Identify = Arc::new(move |chain, _address| {
            let acts = granted.lock().unwrap().clone();
            let refused = *refused.lock().unwrap();
            let caller = Caller::new(CallerKind::System, "pas", "pas".parse().unwrap(), acts);
            Box::pin(async move {
                match refused {
                    Some(problem) => Err(problem()),
                    None => Ok((!chain.is_empty()).then_some(caller)),
                }
            })
        });
        rig.keep_model();
        let (register, accounts) = (rig.register.clone(), vec![account]);
        let parts = LdapParts { config, register, tls, accounts, identify, rates };
        let listener = LdapListener::bind(parts).await.unwrap();
        let [tls, start_tls] = listener.addresses().map(Option::unwrap);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(listener.serve(async move {
            let _gone = stopped.await;
        }));
        Self { rig, tls, start_tls, acts, problem, folder, stop, serving }
    }

    /// Stops the ports, and waits until they have ended.
    pub(crate) async fn stop(self) -> Rig {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap().unwrap();
        self.rig
    }

    /// A file of the certificates.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Runs a program of Debian's ldap-utils over TLS.
    pub(crate) async fn run(&self, program: &str, who: As, arguments: &[&str]) -> Output {
        let address = format!("ldaps://127.0.0.1:{}", self.tls.port());
        let mut command = tool(program, self.file("server.pem"));
        command.args(["-H", &address]);
        if matches!(who, As::Certificate | As::External) {
            command.env("LDAPTLS_CERT", self.file("client.pem")).env("LDAPTLS_KEY", self.file("client.key"));
        }
        match who {
            As::Certificate | As::Nobody => command.arg("-x"),
            As::External => command.args(["-Q", "-Y", "EXTERNAL"]),
            As::Account => command.args(["-x", "-D", "cn=reader, o=NHS", "-w", SECRET]),
        };
        command.args(arguments).output().await.unwrap()
    }

    /// Searches as somebody: the exit status, which is the result code, and the LDIF.
    pub(crate) async fn search(&self, who: As, arguments: &[&str]) -> (i32, String) {
        let arguments = [&["-LLL", "-o", "ldif-wrap=no"][..], arguments].concat();
        let output = self.run("ldapsearch", who, &arguments).await;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = String::from_utf8_lossy(&output.stderr);
        // What went wrong beside a result code is worth reading.
        (output.status.code().unwrap(), if text.is_empty() { said.into_owned() } else { text })
    }

    /// The names of what is found below `o=nhs`.
    pub(crate) async fn found(&self, filter: &str) -> Vec<String> {
        let (code, text) = self.search(As::Certificate, &["-b", "o=nhs", filter, "1.1"]).await;
        assert_eq!(code, 0, "{filter}: {text}");
        names(&text)
    }
}

/// So many requests at once, and as many a second.
pub(crate) fn at_once(many: u32) -> Rate {
    let many = NonZeroU32::new(many).unwrap();
    Rate { per_second: many, burst: many }
}

/// Makes a key and a certificate for this machine, signed by itself, with openssl.
async fn certificate(folder: &TempDir, name: &str) {
    let file = |end: &str| folder.path().join(format!("{name}.{end}"));
    let mut command = Command::new("openssl");
    command.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    // It is no authority's, which Debian's settings would make of it.
    let settings = "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\n\
                    basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n";
    std::fs::write(file("cnf"), settings).unwrap();
    command.args(["-subj", "/CN=localhost", "-config"]).arg(file("cnf"));
    command.arg("-keyout").arg(file("key")).arg("-out").arg(file("pem"));
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The names in LDIF.
pub(crate) fn names(ldif: &str) -> Vec<String> {
    ldif.lines().filter_map(|line| line.strip_prefix("dn: ")).map(str::to_owned).collect()
}

/// The values of an attribute in LDIF.
pub(crate) fn values(ldif: &str, name: &str) -> Vec<String> {
    let head = format!("{name}: ");
    ldif.lines().filter_map(|line| line.strip_prefix(head.as_str())).map(str::to_owned).collect()
}

/// A program of ldap-utils that trusts this certificate and reads no settings of the machine.
pub(crate) fn tool(program: &str, anchor: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program);
    // LDAPNOINIT would pass over these too.
    command.env("LDAPCONF", "/dev/null").env("LDAPRC", "none").env("HOME", "/nonexistent");
    command.env("LDAPTLS_CACERT", anchor.as_ref()).env("LDAPTLS_REQCERT", "demand");
    command.env_remove("LDAPTLS_CERT").env_remove("LDAPTLS_KEY").kill_on_drop(true);
    command
}
