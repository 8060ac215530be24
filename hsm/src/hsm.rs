//! The tokens, opened.

use std::fmt;
use std::sync::{Arc, PoisonError};

use aws_lc_rs::digest;
use crossbeam_channel::Sender;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::engine::{Engine, Limits};
use crate::failure::Failure;
use crate::keeper::Keeper;
use crate::key::{KeyInner, KeyKind, OneTime};
use crate::library::Library;
use crate::make::{self, Residence};
use crate::task::{KeyId, Lane, Needs};
use crate::token::Token;
use crate::verify::PublicKey;
use crate::worker::Bench;
use crate::{
    Alg, Config, Error, Health, Key, KeyInfo, Sealed, TokenState, WrapMechanism, Wrapped, find, seal,
    session, wrap,
};

/// The opened tokens. Clones share them; the last one dropped, of it and of its keys, ends the threads.
#[derive(Clone)]
pub struct Hsm {
    handle: Arc<Handle>,
}

/// Ends the threads when it drops. Threads hold the [`Engine`] only.
pub(crate) struct Handle {
    pub(crate) engine: Arc<Engine>,
    /// One label at a time is given out.
    generating: tokio::sync::Mutex<()>,
    /// Dropped to end the watch.
    watch: Option<Sender<std::convert::Infallible>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.watch = None;
        self.engine.stop();
    }
}

impl Hsm {
    /// Opens the tokens and logs in. Succeeds when at least one is ready; the others are tried again with back-off,
    /// but not those that refused the PIN.
    pub async fn open(config: Config) -> Result<Hsm, Error> {
        let limits = Limits { call: config.call_timeout(), generate: config.generate_timeout() };
        let mut tokens = Vec::new();
        for (index, token) in config.tokens.iter().enumerate() {
            let pin = token.pin.read()?;
            let library = Library::load(&token.module)?;
            tokens.push(Arc::new(Token::new(index, token.clone(), pin, library, config.queue)));
        }
        let engine = Arc::new(Engine::new(tokens, config.queue, limits, config.verify_signatures));
        let (watch, stop) = crossbeam_channel::bounded(0);
        engine.spawn("hsm-watch".to_owned(), move |engine| engine.watch(&stop)).map_err(Error::NoThread)?;
        let handle = Arc::new(Handle { engine, generating: tokio::sync::Mutex::new(()), watch: Some(watch) });
        let mut firsts = Vec::new();
        for token in &handle.engine.tokens {
            let (first, outcome) = oneshot::channel();
            let (name, token) = (format!("hsm-{}-keeper", token.index), token.clone());
            let keep = move |engine: &Arc<Engine>| Keeper::new(engine.clone(), token).run(first);
            handle.engine.spawn(name, keep).map_err(Error::NoThread)?;
            firsts.push(outcome);
        }
        // A token is given twice the time: its library may be restarted once.
        let deadline = tokio::time::Instant::now() + 2 * limits.call;
        let mut refused = None;
        for first in firsts {
            match tokio::time::timeout_at(deadline, first).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => refused = refused.or(Some(error)),
                Ok(Err(_)) | Err(_) => refused = refused.or(Some(Error::TimedOut)),
            }
        }
        let hsm = Hsm { handle };
        if hsm.health().ready() {
            return Ok(hsm);
        }
        Err(refused.unwrap_or(Error::NotSupported { what: "having no token configured".to_owned() }))
    }

    /// Finds a token key by its label. The first time the tokens are searched; afterwards the key is known.
    pub async fn key(&self, label: &str) -> Result<Key, Error> {
        if let Some(key) = self.registered(label) {
            return Ok(key);
        }
        let (mut found, mut failed) = (None, None);
        let open = self.open_tokens();
        let all_open = open.len() == self.handle.engine.tokens.len();
        for token in open {
            let wanted = label.to_owned();
            let located =
                self.on_token(&token, move |bench| find::private_key(&bench.session, &wanted)).await;
            match (located, &found) {
                (Ok(Some(key)), None) => found = Some(key),
                (Ok(Some(key)), Some(first)) if key.spki != first.spki => {
                    return Err(Error::KeysDiffer { label: label.to_owned() });
                }
                (Ok(_), _) => {}
                // A token that fails meanwhile looks the key up when it opens again.
                (Err(error), _) => failed = failed.or(Some(error)),
            }
        }
        match (found, failed) {
            (Some(key), _) => self.register(label, key.object_id, key.alg, key.spki).await,
            (None, Some(error)) => Err(error),
            (None, None) if all_open => Err(Error::KeyNotFound { label: label.to_owned() }),
            // It may be on a token that is away.
            (None, None) => Err(self.unavailable()),
        }
    }

    /// Makes a token key. Refuses a label that is in use. With several tokens it is made in one; copying it to the
    /// others is the token's own business, and until then that one signs alone.
    pub async fn generate(&self, label: &str, alg: Alg) -> Result<Key, Error> {
        let _one_at_a_time = self.handle.generating.lock().await;
        self.refuse_label_in_use(label).await?;
        let wanted = label.to_owned();
        let (object_id, spki) = self
            .slow(Needs::Makes(alg), move |bench| {
                let object_id = bench.session.generate_random_vec(16)?;
                let residence = Residence::Token { label: &wanted, object_id: &object_id };
                let pair = make::key_pair(&bench.session, alg, &residence).map_err(Failure::at_once)?;
                Ok((object_id, pair.spki))
            })
            .await?;
        self.register(label, object_id, alg, spki).await
    }

    /// Makes the AES-256 key that wraps others, labelled `lanyard-wrap-<version>`.
    pub async fn create_wrapping_key(&self, version: u32) -> Result<(), Error> {
        let _one_at_a_time = self.handle.generating.lock().await;
        let label = find::wrapping_label(version);
        self.refuse_label_in_use(&label).await?;
        self.slow(Needs::Wraps, move |bench| {
            let key = make::wrapping_key(&bench.session, Some(&label)).map_err(Failure::at_once)?;
            let keys = &bench.opened.wrapping_keys;
            keys.write().unwrap_or_else(PoisonError::into_inner).insert(version, key);
            Ok(())
        })
        .await
    }

    /// Makes a secret key of the token under a label that is not in use.
    pub(crate) async fn make_secret_key(
        &self,
        label: &str,
        mut make: impl FnMut(&cryptoki::session::Session, &str) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Error> {
        let _one_at_a_time = self.handle.generating.lock().await;
        self.refuse_label_in_use(label).await?;
        let label = label.to_owned();
        self.slow(Needs::Nothing, move |bench| make(&bench.session, &label)).await
    }

    /// Tries something on one open token after the other until one has what it needs. None where all were open and none has;
    /// where one was away or failed, its error, since it may be the one that has.
    pub(crate) async fn on_each_token<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Bench) -> Result<Option<T>, Failure> + Clone + Send + 'static,
    ) -> Result<Option<T>, Error> {
        let engine = &self.handle.engine;
        let open = self.open_tokens();
        let mut failed = (open.len() < engine.tokens.len()).then(|| self.unavailable());
        for token in open {
            let needs = Needs::Token { index: token.index, epoch: None };
            match engine.call(Lane::Fast, needs, engine.limits.call, work.clone()).await {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }

    /// Makes a key, wraps it under the newest wrapping key and destroys it in the token.
    pub async fn generate_wrapped(&self, alg: Alg) -> Result<Wrapped, Error> {
        let version = self.newest_wrapping_version().await?;
        let work = move |bench: &mut Bench| wrap::generate(bench, alg, version);
        self.make(alg, Needs::Wrapping(version), work).await
    }

    /// Makes a key that is kept for others: wrapped where the token wraps keys of this kind, and otherwise in the token
    /// under this label, where [`Hsm::destroy`] ends it.
    pub async fn generate_kept(&self, alg: Alg, label: &str) -> Result<Wrapped, Error> {
        match self.generate_wrapped(alg).await {
            Err(Error::NotSupported { .. }) => {}
            made => return made,
        }
        let key = self.generate(label, alg).await?;
        Ok(Wrapped {
            alg,
            mechanism: WrapMechanism::InToken,
            wrapping_version: 0,
            blob: label.as_bytes().to_vec(),
            public_key: key.public_key().to_vec(),
        })
    }

    /// A key that [`Hsm::generate_kept`] made, as a key that signs.
    pub async fn kept(&self, wrapped: Wrapped) -> Result<Key, Error> {
        if wrapped.mechanism != WrapMechanism::InToken {
            return Ok(self.wrapped(wrapped));
        }
        let label = String::from_utf8(wrapped.blob).map_err(|_| Error::SwappedKey)?;
        let key = self.key(&label).await?;
        if key.public_key() == wrapped.public_key { Ok(key) } else { Err(Error::SwappedKey) }
    }

    /// A wrapped key as a key that signs. It is unwrapped when first used.
    pub fn wrapped(&self, wrapped: Wrapped) -> Key {
        let Wrapped { alg, mechanism, wrapping_version: version, blob, public_key } = wrapped;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&version.to_be_bytes());
        context.update(&blob.len().to_be_bytes());
        context.update(&blob);
        context.update(&public_key);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(context.finish().as_ref());
        let mut identity = [0; 32];
        identity.copy_from_slice(digest::digest(&digest::SHA256, &public_key).as_ref());
        let kind = KeyKind::Wrapped { identity, fingerprint, version, mechanism, blob };
        self.new_key("", alg, public_key, kind)
    }

    /// Destroys what is live of a wrapped key, for one whose row was deleted. Each session does so before its next call,
    /// or within a quarter of a minute when it idles.
    pub fn forget(&self, key: &Key) {
        if let KeyKind::Wrapped { identity, .. } = &key.inner.kind {
            for token in &self.handle.engine.tokens {
                token.forgotten.order(*identity);
            }
        }
    }

    /// Wraps a wrapped key anew under another version of the wrapping key. What comes back has been unwrapped and tested.
    pub async fn rewrap(&self, wrapped: &Wrapped, version: u32) -> Result<Wrapped, Error> {
        let limit = self.handle.engine.limits.call;
        let needs = Needs::Wrapping(wrapped.wrapping_version);
        let wrapped = wrapped.clone();
        let work = move |bench: &mut Bench| wrap::rewrap(bench, &wrapped, version);
        self.handle.engine.call(Lane::Slow, needs, limit, work).await
    }

    /// Moves a sealed secret under another version of the wrapping key. It is not opened, and opens where it did before.
    pub async fn rewrap_sealed(&self, sealed: &Sealed, version: u32) -> Result<Sealed, Error> {
        let needs = Needs::Wrapping(sealed.wrapping_version());
        let sealed = sealed.clone();
        let work = move |bench: &mut Bench| seal::rewrap(bench, &sealed, version);
        let engine = &self.handle.engine;
        engine.call(Lane::Slow, needs, engine.limits.call, work).await
    }

    /// Seals a secret that must be read again: AES-256-GCM under a data key of its own, made in the token and wrapped by
    /// the newest wrapping key. `bound_to` says where it will lie, such as table, row and version: at another place it
    /// does not open.
    pub async fn seal(&self, secret: Zeroizing<Vec<u8>>, bound_to: &[u8]) -> Result<Sealed, Error> {
        let version = self.newest_wrapping_version().await?;
        let bound_to = bound_to.to_vec();
        let work = move |bench: &mut Bench| seal::seal(bench, version, &secret, &bound_to);
        let (engine, needs) = (&self.handle.engine, Needs::Wrapping(version));
        engine.call(Lane::Fast, needs, engine.limits.call, work).await
    }

    /// Opens what [`Hsm::seal`] sealed for the same place.
    pub async fn unseal(&self, sealed: &Sealed, bound_to: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let needs = Needs::Wrapping(sealed.wrapping_version());
        let (sealed, bound_to) = (sealed.clone(), bound_to.to_vec());
        let work = move |bench: &mut Bench| seal::unseal(bench, &sealed, &bound_to);
        let engine = &self.handle.engine;
        engine.call(Lane::Fast, needs, engine.limits.call, work).await
    }

    /// Makes a key that is destroyed when the last clone of it drops.
    pub async fn generate_one_time(&self, alg: Alg) -> Result<Key, Error> {
        let work = move |bench: &mut Bench| {
            let pair = make::key_pair(&bench.session, alg, &Residence::Session)?;
            let key = OneTime::new(bench.token.clone(), bench.opened.epoch, pair.private);
            bench.destroy(pair.public);
            Ok((key, pair.spki))
        };
        let (key, spki) = self.make(alg, Needs::Makes(alg), work).await?;
        Ok(self.new_key("", alg, spki, KeyKind::OneTime(key)))
    }

    /// Destroys the token key with this label, its public half too, in every token. It cannot be undone.
    ///
    /// Refuses a key of which this process holds a [`Key`], and to do anything while a token is away, since it may have
    /// the key too. What other processes hold is theirs to know. When it was stopped half-way, it is done again:
    /// [`Error::KeyNotFound`] says that nothing is left. A key that is looked up in the same moment does not sign.
    pub async fn destroy(&self, label: &str) -> Result<(), Error> {
        let _one_at_a_time = self.handle.generating.lock().await;
        let engine = &self.handle.engine;
        let open = self.open_tokens();
        if open.len() < engine.tokens.len() {
            return Err(self.unavailable());
        }
        let known = {
            let mut registry = engine.registry.lock().unwrap_or_else(PoisonError::into_inner);
            registry.take_unused(label)?
        };
        let id = known.as_ref().and_then(|key| match &key.kind {
            KeyKind::Token { id, .. } => Some(*id),
            KeyKind::Wrapped { .. } | KeyKind::OneTime(_) => None,
        });
        let mut destroyed = 0;
        for token in open {
            let wanted = label.to_owned();
            let work = move |bench: &mut Bench| {
                if let Some(id) = id {
                    bench.opened.forget_token_key(id);
                }
                find::destroy_pair(&bench.session, &wanted)
            };
            destroyed += self.on_token(&token, work).await?;
        }
        if destroyed == 0 {
            return Err(Error::KeyNotFound { label: label.to_owned() });
        }
        tracing::info!(key = label, "destroyed the token key {label}");
        Ok(())
    }

    /// How many sessions sign, over all tokens that are configured: so many calls are under way at the same time.
    pub fn sessions(&self) -> usize {
        self.handle.engine.tokens.iter().map(|token| token.config.sessions).sum()
    }

    /// What the tokens are doing.
    pub fn health(&self) -> Health {
        let engine = &self.handle.engine;
        Health {
            tokens: engine.tokens.iter().map(|token| token.health()).collect(),
            queued: engine.shared.receiver.len() + engine.again.receiver.len(),
        }
    }

    /// The keys that the open tokens hold.
    pub async fn inventory(&self) -> Result<Vec<KeyInfo>, Error> {
        let mut keys = Vec::new();
        let open = self.open_tokens();
        if open.is_empty() {
            return Err(self.unavailable());
        }
        for token in open {
            let label = token.config.label.clone();
            keys.extend(self.on_token(&token, move |bench| find::inventory(&bench.session, &label)).await?);
        }
        Ok(keys)
    }

    /// How often this process has searched a token for objects. Signing must not move it.
    pub fn searches() -> u64 {
        session::searches()
    }

    /// Makes a known key: one that every token looks up when it opens.
    async fn register(&self, label: &str, object_id: Vec<u8>, alg: Alg, spki: Vec<u8>) -> Result<Key, Error> {
        let engine = &self.handle.engine;
        let (id, key) = {
            let mut registry = engine.registry.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(inner) = registry.find(label) {
                return Ok(Key { inner, hsm: self.handle.clone() });
            }
            let mut given = KeyId::default();
            let inner = registry.add(|id| {
                given = id;
                let kind = KeyKind::Token { id, object_id: object_id.clone() };
                self.new_key(label, alg, spki, kind).inner
            });
            (given, Key { inner, hsm: self.handle.clone() })
        };
        for token in self.open_tokens() {
            let (label, object_id) = (label.to_owned(), object_id.clone());
            let resolved = self.on_token(&token, move |bench| {
                if !bench.opened.signs.contains(&alg) {
                    return Ok(());
                }
                if let Some(handle) = find::private_key_handle(&bench.session, &label, &object_id)? {
                    let keys = &bench.opened.token_keys;
                    keys.write().unwrap_or_else(PoisonError::into_inner).insert(id, handle);
                }
                Ok(())
            });
            if let Err(error) = resolved.await {
                tracing::warn!(error = %error, "a token could not look up a key and will when it opens: {error}");
            }
        }
        Ok(key)
    }

    fn registered(&self, label: &str) -> Option<Key> {
        let registry = self.handle.engine.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = registry.find(label)?;
        Some(Key { inner, hsm: self.handle.clone() })
    }

    fn new_key(&self, label: &str, alg: Alg, spki: Vec<u8>, kind: KeyKind) -> Key {
        let inner = KeyInner { label: label.into(), public: PublicKey::new(alg, spki), kind };
        Key { inner: Arc::new(inner), hsm: self.handle.clone() }
    }

    async fn refuse_label_in_use(&self, label: &str) -> Result<(), Error> {
        for token in self.open_tokens() {
            let wanted = label.to_owned();
            if self.on_token(&token, move |bench| find::label_in_use(&bench.session, &wanted)).await? {
                return Err(Error::LabelInUse { label: label.to_owned() });
            }
        }
        Ok(())
    }

    async fn newest_wrapping_version(&self) -> Result<u32, Error> {
        match self.known_wrapping_version() {
            Err(Error::WrappingKeyMissing { .. }) => {
                let engine = &self.handle.engine;
                engine.look_for_wrapping_keys(engine.limits.call).await;
                self.known_wrapping_version()
            }
            known => known,
        }
    }

    fn known_wrapping_version(&self) -> Result<u32, Error> {
        let open = self.open_tokens();
        match open.iter().filter_map(|token| token.opened()?.newest_wrapping_version()).max() {
            Some(version) => Ok(version),
            None if open.len() == self.handle.engine.tokens.len() => {
                Err(Error::WrappingKeyMissing { version: 1 })
            }
            None => Err(self.unavailable()),
        }
    }

    fn open_tokens(&self) -> Vec<Arc<Token>> {
        self.handle.engine.tokens.iter().filter(|token| token.opened().is_some()).cloned().collect()
    }

    async fn on_token<T: Send + 'static>(
        &self,
        token: &Token,
        work: impl FnMut(&mut Bench) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let limit = self.handle.engine.limits.generate;
        self.handle
            .engine
            .call(Lane::Slow, Needs::Token { index: token.index, epoch: None }, limit, work)
            .await
    }

    async fn slow<T: Send + 'static>(
        &self,
        needs: Needs,
        work: impl FnMut(&mut Bench) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        self.handle.engine.call(Lane::Slow, needs, self.handle.engine.limits.generate, work).await
    }

    /// Makes a session key: RSA takes long enough to be kept away from the sessions that sign.
    async fn make<T: Send + 'static>(
        &self,
        alg: Alg,
        needs: Needs,
        work: impl FnMut(&mut Bench) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        if alg.modulus_bits().is_some() {
            return self.slow(needs, work).await;
        }
        self.handle.engine.call(Lane::Fast, needs, self.handle.engine.limits.call, work).await
    }

    /// The error that says why tokens are not open.
    fn unavailable(&self) -> Error {
        self.handle.engine.nowhere(&Needs::Nothing, 0)
    }
}

impl fmt::Debug for Hsm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let states: Vec<TokenState> = self.health().tokens.into_iter().map(|token| token.state).collect();
        f.debug_struct("Hsm").field("tokens", &states).finish_non_exhaustive()
    }
}
