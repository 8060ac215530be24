//! The socket for systems of the desktop: `POST /signatures` on a Unix socket that belongs to one person, and answers to nobody else.
//!
//! Who asks is known from the machine: the person by the credentials of the connection, the program by its process. The folder of the
//! socket is that person's own besides.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use axum::serve::IncomingStream;
use serde_json::json;
use tokio::net::UnixListener;

use super::{Shared, sentence, trouble};
use crate::desktop::{Asked, NotSigned, Signed, ToSign};
use crate::system;

/// The largest request, in octets: 250 documents of some kilobytes.
const LARGEST: usize = 4 * 1024 * 1024;
/// What is shown of a program's path.
const LONGEST_PROGRAM: usize = 200;
/// What is said above the reason.
const TITLE: &str = "Nothing was signed";

/// The socket, open.
pub(super) struct Socket {
    listener: UnixListener,
    owner: u32,
    /// Locked as long as this is there; the machine unlocks it when the program ends, however it ends.
    _locked: File,
}

impl Socket {
    /// Opens it. Where another agent of the same person has it there is none (`AddrInUse`): two would ask one person about one card.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let lock = path.with_extension("lock");
        let locked = File::options().create(true).truncate(false).write(true).mode(0o600).open(lock)?;
        match locked.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ErrorKind::AddrInUse.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // One that is there was left behind by an agent that was killed.
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
        // What we made is ours: so the machine says who we are.
        let owner = std::fs::metadata(path)?.uid();
        Ok(Self { listener, owner, _locked: locked })
    }

    /// Answers until the socket fails.
    pub(super) async fn serve(self, shared: Arc<Shared>) -> std::io::Result<()> {
        let served = Arc::new(Served { shared, owner: self.owner });
        let router = Router::new()
            .route("/signatures", post(sign))
            .layer(DefaultBodyLimit::max(LARGEST))
            .with_state(served);
        axum::serve(self.listener, router.into_make_service_with_connect_info::<Asker>()).await
    }
}

struct Served {
    shared: Arc<Shared>,
    owner: u32,
}

/// Who is at the other end.
#[derive(Clone, Copy)]
struct Asker {
    person: Option<u32>,
    process: Option<i32>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Asker {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let credentials = stream.io().peer_cred().ok();
        Self {
            person: credentials.map(|credentials| credentials.uid()),
            process: credentials.and_then(|credentials| credentials.pid()),
        }
    }
}

impl Asker {
    /// Whether it is the person whose socket this is. Nobody is believed whom the machine does not name.
    fn is(self, owner: u32) -> bool {
        self.person == Some(owner)
    }

    /// The program, as far as the machine says.
    fn program(self) -> String {
        let program = self.process.and_then(system::program_of);
        let shown = |path: std::path::PathBuf| -> String {
            path.display()
                .to_string()
                .chars()
                .filter(|letter| !letter.is_control())
                .take(LONGEST_PROGRAM)
                .collect()
        };
        program.map_or_else(|| "a program of yours".to_owned(), shown)
    }
}

/// Asks the holder, and answers with what the card signed.
async fn sign(
    State(served): State<Arc<Served>>,
    ConnectInfo(program): ConnectInfo<Asker>,
    body: Bytes,
) -> Response {
    if !program.is(served.owner) {
        return trouble(StatusCode::FORBIDDEN, TITLE, "The agent of somebody else does not sign for you.");
    }
    let Ok(asked) = serde_json::from_slice::<ToSign>(&body) else {
        return trouble(StatusCode::BAD_REQUEST, TITLE, "This is not the JSON that the agent expects.");
    };
    let asked = match Asked::read(asked, &program.program()) {
        Ok(asked) => asked,
        Err(error) => return refused(&error),
    };
    let Ok(_permit) = served.shared.at_card.try_acquire() else {
        let words = "Another request is waiting for the passcode. Ask again when it is answered.";
        return trouble(StatusCode::CONFLICT, TITLE, words);
    };
    let settings = served.shared.settings();
    // Readers, cards and people are waited for on a thread of their own.
    let outcome = tokio::task::spawn_blocking(move || asked.sign(&settings));
    match outcome.await {
        Ok(Ok(made)) => super::json(&json!(Signed::from(made))),
        Ok(Err(error)) => refused(&error),
        Err(_) => trouble(StatusCode::INTERNAL_SERVER_ERROR, TITLE, "Signing ended unexpectedly."),
    }
}

fn refused(error: &NotSigned) -> Response {
    let status = match error {
        NotSigned::Signing(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::BAD_REQUEST,
    };
    trouble(status, TITLE, &sentence(error))
}

/// Only the person whose socket it is may ask: not another, nor root, nor whom the machine does not name.
#[test]
fn sockets_are_personal() {
    let asker = |person| Asker { person, process: None };
    assert!(asker(Some(1_000)).is(1_000));
    for stranger in [Some(1_001), Some(0), None] {
        assert!(!asker(stranger).is(1_000), "{stranger:?}");
    }
    assert_eq!(asker(None).program(), "a program of yours");
}
