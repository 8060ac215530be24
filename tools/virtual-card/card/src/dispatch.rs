//! Which part of the firmware answers which question of the application.

use trussed::backend::{Backend, BackendId};
use trussed::platform::Platform;
use trussed::serde_extensions::{ExtensionDispatch, ExtensionId, ExtensionImpl};
use trussed::service::ServiceResources;
use trussed::types::Context;
use trussed_auth::AuthExtension;
use trussed_auth_backend::{AuthBackend, AuthContext, FilesystemLayout};
use trussed_chunked::ChunkedExtension;
use trussed_core::Error;
use trussed_core::api::{Reply, Request, reply, request};
use trussed_core::types::Location;
use trussed_hpke::HpkeExtension;
use trussed_rsa_alloc::SoftwareRsa;
use trussed_staging::{StagingBackend, StagingContext};
use trussed_wrap_key_to_file::WrapKeyToFileExtension;

/// In the order in which they are asked; who does not know a question leaves it to the next.
pub(crate) const BACKENDS: &[BackendId<Part>] = &[
    BackendId::Custom(Part::Staging),
    BackendId::Custom(Part::Auth),
    BackendId::Custom(Part::Rsa),
    BackendId::Core,
];

/// A part of the firmware besides its core.
pub(crate) enum Part {
    Staging,
    Auth,
    Rsa,
}

/// A group of questions that the core does not know.
pub(crate) enum Questions {
    Auth,
    Chunked,
    Hpke,
    WrapKeyToFile,
}

impl From<Questions> for u8 {
    fn from(questions: Questions) -> Self {
        match questions {
            Questions::Auth => 0,
            Questions::Chunked => 1,
            Questions::Hpke => 2,
            Questions::WrapKeyToFile => 3,
        }
    }
}

impl TryFrom<u8> for Questions {
    type Error = Error;

    fn try_from(number: u8) -> Result<Self, Error> {
        Ok(match number {
            0 => Self::Auth,
            1 => Self::Chunked,
            2 => Self::Hpke,
            3 => Self::WrapKeyToFile,
            _ => return Err(Error::FunctionNotSupported),
        })
    }
}

/// The parts, and what they keep between two questions.
pub(crate) struct Dispatch {
    staging: StagingBackend,
    auth: AuthBackend,
}

#[derive(Default)]
pub(crate) struct Contexts {
    staging: StagingContext,
    auth: AuthContext,
}

impl Dispatch {
    pub(crate) fn new() -> Self {
        let auth = AuthBackend::new(Location::Internal, FilesystemLayout::V0);
        Self { staging: StagingBackend::new(), auth }
    }
}

impl ExtensionDispatch for Dispatch {
    type BackendId = Part;
    type Context = Contexts;
    type ExtensionId = Questions;

    fn core_request<P: Platform>(
        &mut self,
        part: &Part,
        context: &mut Context<Contexts>,
        request: &Request,
        resources: &mut ServiceResources<P>,
    ) -> Result<Reply, Error> {
        let Context { core, backends, .. } = context;
        match part {
            Part::Staging => self.staging.request(core, &mut backends.staging, request, resources),
            Part::Auth => self.auth.request(core, &mut backends.auth, request, resources),
            Part::Rsa => SoftwareRsa.request(core, &mut (), request, resources),
        }
    }

    fn extension_request<P: Platform>(
        &mut self,
        part: &Part,
        questions: &Questions,
        context: &mut Context<Contexts>,
        request: &request::SerdeExtension,
        resources: &mut ServiceResources<P>,
    ) -> Result<reply::SerdeExtension, Error> {
        let Context { core, backends, .. } = context;
        let (staging, auth) = (&mut backends.staging, &mut backends.auth);
        match (part, questions) {
            (Part::Auth, Questions::Auth) => ExtensionImpl::<AuthExtension>::extension_request_serialized(
                &mut self.auth,
                core,
                auth,
                request,
                resources,
            ),
            (Part::Staging, Questions::Chunked) => {
                ExtensionImpl::<ChunkedExtension>::extension_request_serialized(
                    &mut self.staging,
                    core,
                    staging,
                    request,
                    resources,
                )
            }
            (Part::Staging, Questions::Hpke) => ExtensionImpl::<HpkeExtension>::extension_request_serialized(
                &mut self.staging,
                core,
                staging,
                request,
                resources,
            ),
            (Part::Staging, Questions::WrapKeyToFile) => {
                ExtensionImpl::<WrapKeyToFileExtension>::extension_request_serialized(
                    &mut self.staging,
                    core,
                    staging,
                    request,
                    resources,
                )
            }
            _ => Err(Error::RequestNotAvailable),
        }
    }
}

impl ExtensionId<AuthExtension> for Dispatch {
    type Id = Questions;
    const ID: Questions = Questions::Auth;
}

impl ExtensionId<ChunkedExtension> for Dispatch {
    type Id = Questions;
    const ID: Questions = Questions::Chunked;
}

impl ExtensionId<HpkeExtension> for Dispatch {
    type Id = Questions;
    const ID: Questions = Questions::Hpke;
}

impl ExtensionId<WrapKeyToFileExtension> for Dispatch {
    type Id = Questions;
    const ID: Questions = Questions::WrapKeyToFile;
}
