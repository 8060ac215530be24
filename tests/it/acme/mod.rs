//! ACME against the running server: by programs of other people, and across `kill -9`.

mod client;
mod killed;
mod strangers;

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::Path;

use crate::rig::{Demo, Serving, Site, free_ports};

/// A running server that asks for proof on ports of these tests.
pub(crate) struct Running {
    pub(crate) site: Site,
    pub(crate) http_port: u16,
    pub(crate) tls_port: u16,
    pub(crate) serving: Serving,
}

/// What an operator hands out.
pub(crate) struct External {
    pub(crate) kid: String,
    pub(crate) hmac: String,
}

impl Running {
    /// Installs a server in a folder and starts it.
    pub(crate) async fn start(folder: &Path) -> Running {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let site = Site { folder: folder.join("demo"), base: free_ports() };
        Demo::run_once(&site.folder, site.base);
        let (http_port, tls_port) = (free_port(), free_port());
        let file = site.folder.join("lanyard.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let mut section = "[ca.acme]\n".to_owned();
        write!(section, "http_port = {http_port}\ntls_port = {tls_port}\nattempt_seconds = 2\n").unwrap();
        let text = text.replace("\n[ca.acme] ", "\n[ca.acme]\n# ").replace("[ca.acme]\n", &section);
        std::fs::write(&file, text).unwrap();
        let serving = Serving::spawn(&site);
        site.private("/ready", 200).await;
        Running { site, http_port, tls_port, serving }
    }

    /// Lets a machine register, as an operator types it.
    pub(crate) fn external(&self) -> External {
        let said = self.operator(&["add", "A machine", "--dns", "localhost", "--network", "127.0.0.1/32"]);
        let value = |name: &str| {
            let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{said}"));
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        External { kid: value("kid"), hmac: value("hmac") }
    }

    /// `lanyard ca acme …` by the registration desk.
    pub(crate) fn operator(&self, arguments: &[&str]) -> String {
        let (desk, server) = (self.site.desk(), format!("https://localhost:{}", self.site.base + 1));
        let root = self.site.root();
        let caller = [
            "--server",
            &server,
            "--certificate",
            desk.certificate.to_str().unwrap(),
            "--key",
            desk.key.to_str().unwrap(),
            "--root",
            root.to_str().unwrap(),
        ];
        self.site.run(&[&["ca", "acme"], arguments, &caller].concat())
    }

    pub(crate) fn directory(&self) -> String {
        format!("https://localhost:{}/acme/directory", self.site.base)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
