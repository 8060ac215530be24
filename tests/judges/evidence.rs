//! What a judge is given, all of it DER.

/// A certificate, the way to its root, and a CRL for each certificate below the root.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    pub(crate) root: Vec<u8>,
    pub(crate) intermediates: Vec<Vec<u8>>,
    pub(crate) leaf: Vec<u8>,
    pub(crate) crls: Vec<Vec<u8>>,
}

/// Where the content of a signature is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// In the signature.
    Inside(Vec<u8>),
    /// Beside it.
    Beside(Vec<u8>),
}

/// A CMS signature and the path of its signer.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) cms: Vec<u8>,
    pub(crate) content: Content,
    pub(crate) path: Path,
}

/// What a judge says: nothing when it accepts, its reason when it does not.
pub(crate) type Verdict = Result<(), String>;
