//! A PIV card as a process: it connects to a reader on this machine and answers until the reader lets go of it or it is killed, which is
//! how a card is pulled.
//!
//! `virtual-card PORT [FOLDER]`: the port of the reader on 127.0.0.1, and where the card keeps what it knows; without a folder it is
//! as it left the factory, and forgets. A file `serial` in the folder gives it a serial number, in decimal. Factory values: PIN 123456, PUK 12345678, management key of 3DES
//! 010203040506070801020304050607080102030405060708.

mod application;
mod dispatch;
mod platform;

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::ExitCode;

use application::Application;
use trussed::virt::{StorageConfig, StoreConfig};

/// How one time of power ended.
enum Ended {
    /// The reader cut the power or reset the card; it goes on with the next time.
    Power,
    /// The reader is gone, and why.
    Reader(std::io::Error),
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().and_then(|port| port.parse::<u16>().ok());
    let (Some(port), folder, None) = (port, arguments.next(), arguments.next()) else {
        eprintln!("usage: virtual-card PORT [FOLDER]");
        return ExitCode::from(2);
    };
    match insert(port, folder.as_deref().map(Path::new)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("virtual-card: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Puts the card into the reader and answers until the reader is gone.
fn insert(port: u16, folder: Option<&Path>) -> std::io::Result<()> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    // An answer is not kept back until there is more of it.
    stream.set_nodelay(true)?;
    let mut connection = vpicc::Connection::from(stream);
    let mut store = StoreConfig::ram();
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
        store.internal = StorageConfig::filesystem(folder.join("internal"));
        store.external = StorageConfig::filesystem(folder.join("external"));
    }
    let serial = folder.and_then(|folder| std::fs::read_to_string(folder.join("serial")).ok());
    let serial = serial.and_then(|text| text.trim().parse().ok());
    loop {
        // What is volatile is empty whenever the power comes; what is kept is formatted once.
        let ended = platform::with_power(&mut store, |client| {
            let mut application = Application::new(client, serial);
            loop {
                match connection.poll(&mut application) {
                    Ok(()) if application.lost_power() => return Ended::Power,
                    Ok(()) => {}
                    Err(error) => return Ended::Reader(error),
                }
            }
        });
        (store.internal.format, store.external.format) = (false, false);
        match ended {
            Ended::Power => {}
            Ended::Reader(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Ended::Reader(error) => return Err(error),
        }
    }
}
