//! Devices that come with the certificate of their maker: who they are, and whether they are let onto a road.
//!
//! A maker's certificate proves which device it is and gives it no right: the operator names the devices of each road.
//! What a maker revokes is not asked for; a device that is not to be trusted any more is taken off the list.

use std::collections::BTreeMap;
use std::path::Path;

use const_oid::db::rfc4519;
use der::{Decode as _, Tag, Tagged as _};
use pki::Certificate;
use platform::caller::{Caller, CallerKind};
use platform::clock::Millis;
use platform::id::ClientId;

use super::config::{DeviceName, EnrolConfig, Road, RoadName};
use crate::acme::lead;
use crate::api::ENROL;
use crate::error::Error;

/// How many certificates lead from a device to the root of its maker.
const MOST_CERTIFICATES: usize = 5;

/// The makers' roots by road.
pub(super) struct Vendors(BTreeMap<RoadName, Vec<Certificate>>);

impl Vendors {
    /// Reads the roots that the roads name.
    pub(super) fn open(config: &EnrolConfig) -> Result<Vendors, Error> {
        let mut roots = BTreeMap::new();
        for (name, road) in &config.roads {
            let Some(vendors) = &road.vendors else { continue };
            let senseless = |sentence: String| Error::RoadSenseless { road: name.to_string(), sentence };
            if vendors.devices.is_empty() {
                return Err(senseless("vendors: name at least one device in devices".to_owned()));
            }
            roots.insert(name.clone(), read_roots(&vendors.roots).map_err(senseless)?);
        }
        Ok(Vendors(roots))
    }

    /// The device behind a chain, leaf first, as a caller that may enrol; or why it is none of this road's.
    ///
    /// That the device has the key of the certificate is the message's protection to prove.
    pub(super) fn device(
        &self,
        road: Road<'_>,
        chain: &[Certificate],
        now: Millis,
    ) -> Result<Caller, &'static str> {
        let (Some(vendors), Some(roots)) = (&road.config.vendors, self.0.get(road.name)) else {
            return Err("this road takes no certificates of makers");
        };
        let leaf = chain.first().ok_or("there is no certificate")?;
        lead(&path(chain), roots, now)?;
        if leaf.is_ca() {
            return Err("an authority is no device");
        }
        let name =
            name_of(leaf, vendors.device_name).ok_or("the maker's certificate does not name the device")?;
        if !vendors.admits(&name) {
            return Err("this device is not among those of this road");
        }
        let client: ClientId = name.parse().map_err(|_| "the device's name cannot be a client id here")?;
        Ok(Caller::new(CallerKind::System, name, client, [ENROL.0]))
    }
}

/// The certificates that come after the leaf may come in any order and with others between (RFC 9483 3.3): those that
/// lead upwards by name, each once.
fn path(certificates: &[Certificate]) -> Vec<Certificate> {
    let mut path: Vec<Certificate> = certificates.first().cloned().into_iter().collect();
    while let Some(last) = path.last()
        && !last.is_self_issued()
        && path.len() < MOST_CERTIFICATES
    {
        let above = certificates.iter().find(|above| {
            above.subject().matches(last.issuer()) && !above.is_self_issued() && !path.contains(above)
        });
        let Some(above) = above.cloned() else { break };
        path.push(above);
    }
    path
}

/// The only value of the attribute that names the device.
fn name_of(leaf: &Certificate, place: DeviceName) -> Option<String> {
    let wanted = match place {
        DeviceName::SerialNumber => rfc4519::SERIAL_NUMBER,
        DeviceName::CommonName => rfc4519::CN,
    };
    let name = x509_cert::name::Name::from_der(leaf.subject().der()).ok()?;
    let mut values = name.iter().filter(|attribute| attribute.oid == wanted);
    let value = &values.next()?.value;
    if values.next().is_some() || !matches!(value.tag(), Tag::Utf8String | Tag::PrintableString) {
        return None;
    }
    String::from_utf8(value.value().to_vec()).ok()
}

fn read_roots(path: &Path) -> Result<Vec<Certificate>, String> {
    let place = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("vendors: {place} cannot be read: {error}"))?;
    let roots = Certificate::chain_from_pem(&text).map_err(|error| format!("vendors: {place}: {error}"))?;
    if roots.is_empty() { Err(format!("vendors: {place} holds no certificate")) } else { Ok(roots) }
}
