//! Lists as others get them: which there are, one as a whole, one part after the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::api::{CrlInfo, CrlQuery, ListInfo};
use crate::authority::Authority;
use crate::crl::Kind;
use crate::crl::shards::delta_url;
use crate::error::Error;
use crate::issuer::Issuer;
use crate::store::lists::{self, ListId, StoredList};
use crate::store::scopes::{self, Scope};

/// The longest list that is answered as a whole, in octets. Longer ones go out part by part.
pub(crate) const LONGEST_WHOLE: i64 = 8 * 1024 * 1024;

impl Authority {
    /// The newest list of a kind in a scope.
    pub(crate) async fn newest_list(
        &self,
        issuer: &Issuer,
        shard: i64,
        kind: Kind,
    ) -> Result<StoredList, Error> {
        let (read, id) = (self.desk().db.read(), issuer.id());
        if let Some(list) = lists::newest(read, id.as_str(), shard, kind).await? {
            return Ok(list);
        }
        let delta = kind == Kind::Delta && self.desk().config.delta_every(id).is_none();
        let known = scopes::find(read, id.as_str(), shard).await?.is_some() && !delta;
        Err(if known { Error::NoCrlYet(id.clone()) } else { Error::NoSuchList(id.clone()) })
    }

    /// The part of a list after this one; the first is after -1.
    pub(crate) async fn list_part(&self, id: &ListId, after: i64) -> Result<Option<(i64, Vec<u8>)>, Error> {
        Ok(lists::part_after(self.desk().db.read(), id, after).await?)
    }

    /// The octets of a list that is not too long for it.
    pub(crate) async fn whole_list(&self, list: &StoredList) -> Result<Vec<u8>, Error> {
        let mut octets = Vec::with_capacity(usize::try_from(list.size).unwrap_or(0));
        let mut at = -1;
        while let Some((part, content)) = self.list_part(&list.id, at).await? {
            octets.extend(content);
            at = part;
        }
        Ok(octets)
    }

    pub(crate) async fn crl_info(&self, issuer: &str, query: CrlQuery) -> Result<CrlInfo, Error> {
        let issuer = self.issuer(issuer)?;
        let shard = query.shard.map_or(0, i64::from);
        let kind = if query.delta == Some(true) { Kind::Delta } else { Kind::Complete };
        let list = self.newest_list(&issuer, shard, kind).await?;
        if list.size > LONGEST_WHOLE {
            return Err(Error::ListTooLong(self.url(&issuer, shard, kind).await?));
        }
        Ok(CrlInfo {
            crl: STANDARD.encode(self.whole_list(&list).await?),
            issuer: list.id.issuer,
            shard: query.shard.filter(|shard| *shard > 0),
            number: list.id.number,
            base: list.base,
            this_update: list.this_update,
            next_update: list.next_update,
            entries: list.entries,
        })
    }

    /// Every newest list of an issuer, without its octets. A delta list that is left from when they were wished is found at
    /// its place until readers have forgotten it, and is none of these: nobody makes it again.
    pub(crate) async fn lists(&self, issuer: &str) -> Result<Vec<ListInfo>, Error> {
        let issuer = self.issuer(issuer)?;
        let mut infos = Vec::new();
        let wished = self.desk().config.delta_every(issuer.id()).is_some();
        let kinds = if wished { &[Kind::Complete, Kind::Delta][..] } else { &[Kind::Complete] };
        for scope in scopes::of_issuer(self.desk().db.read(), issuer.id().as_str()).await? {
            for kind in kinds.iter().copied() {
                match self.newest_list(&issuer, scope.shard, kind).await {
                    Ok(list) => infos.push(self.list_info(&issuer, &scope, &list)),
                    Err(Error::NoCrlYet(_) | Error::NoSuchList(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(infos)
    }

    fn list_info(&self, issuer: &Issuer, scope: &Scope, list: &StoredList) -> ListInfo {
        ListInfo {
            url: self.url_of(issuer, scope, list.id.kind),
            shard: u32::try_from(scope.shard).ok().filter(|shard| *shard > 0),
            delta: list.id.kind == Kind::Delta,
            number: list.id.number,
            base: list.base,
            this_update: list.this_update,
            next_update: list.next_update,
            entries: list.entries,
            size: list.size,
            failing_since: self.failing().since(&scope.issuer, scope.shard),
        }
    }

    async fn url(&self, issuer: &Issuer, shard: i64, kind: Kind) -> Result<String, Error> {
        let id = issuer.id();
        let scope = scopes::find(self.desk().db.read(), id.as_str(), shard).await?;
        let scope = scope.ok_or_else(|| Error::NoSuchList(id.clone()))?;
        Ok(self.url_of(issuer, &scope, kind))
    }

    fn url_of(&self, issuer: &Issuer, scope: &Scope, kind: Kind) -> String {
        let complete = scope.url.clone().unwrap_or_else(|| self.desk().config.list_url(issuer.id()));
        if kind == Kind::Delta { delta_url(&complete, scope.shard) } else { complete }
    }
}
