//! Identifiers of the signer's own things.

platform::text_id!(
    /// A remote credential: the `credentialID` of the CSC API.
    CredentialId
);
platform::text_id!(
    /// A wrapped key.
    KeyId
);
platform::text_id!(
    /// An authorisation; not its secret, which is the SAD.
    AuthorisationId
);
platform::text_id!(
    /// One answered request for signatures.
    SigningId
);
platform::text_id!(
    /// What a person is asked to authorise on our own page.
    ConsentId
);
platform::text_id!(
    /// Evidence records that are kept: those of one request.
    RecordsId
);
platform::text_id!(
    /// A request of the Digital Signature Service.
    RequestId
);
