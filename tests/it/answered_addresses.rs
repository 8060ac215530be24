//! Addresses in what is answered: they lead back to the port that was asked, over either version of HTTP.

use lanyard::keypair::Pair;
use reqwest::{Certificate, Client, ClientBuilder, Identity, Version};
use serde_json::Value;

use crate::importing::{installed, well};
use crate::rig::{Serving, Site};

/// A release of two organisations.
const RELEASE: &str = "<HSCOrgRefData xmlns=\"http://refdata.hscic.gov.uk/org/v2-0-0\"><Manifest><Version value=\"2-0-0\"/>\
    <PublicationDate value=\"2026-07-28\"/></Manifest><Organisations>\
    <Organisation orgRecordClass=\"RC1\"><Name>GOOD TRUST</Name><OrgId extension=\"RXX\"/><Status value=\"Active\"/>\
    <Roles><Role id=\"RO197\" uniqueRoleId=\"1\" primaryRole=\"true\"><Status value=\"Active\"/></Role></Roles></Organisation>\
    <Organisation orgRecordClass=\"RC1\"><Name>OTHER TRUST</Name><OrgId extension=\"RYY\"/><Status value=\"Active\"/>\
    <Roles><Role id=\"RO197\" uniqueRoleId=\"2\" primaryRole=\"true\"><Status value=\"Active\"/></Role></Roles></Organisation>\
    </Organisations></HSCOrgRefData>";

/// A program that shows the importer's certificate.
fn program(site: &Site) -> ClientBuilder {
    let pair = Pair::in_folder(&site.folder.join("clients"), "importer");
    let root = Certificate::from_pem(&std::fs::read(site.root()).unwrap()).unwrap();
    let pem = [&pair.certificate, &pair.key].map(|file| std::fs::read(file).unwrap()).concat();
    Client::builder().tls_certs_only([root]).no_proxy().identity(Identity::from_pem(&pem).unwrap())
}

/// A program that follows `next` comes to everything, whether it speaks HTTP/2, where no header says whom it means, or HTTP/1.1.
#[tokio::test(flavor = "multi_thread")]
async fn links_lead_on_over_either_http() {
    let dir = tempfile::tempdir().unwrap();
    let site = installed(dir.path());
    let _serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let file = dir.path().join("organisations.xml");
    std::fs::write(&file, RELEASE).unwrap();
    assert!(well(&site, &["import-organisations", file.to_str().unwrap()]).contains("2 new"));
    let (port, path) = (site.base + 1, "/organisation-data-terminology-api/fhir/Organization");
    let all = format!("https://localhost:{port}{path}");
    for (http, version) in
        [(program(&site), Version::HTTP_2), (program(&site).http1_only(), Version::HTTP_11)]
    {
        let http = http.build().unwrap();
        let (mut next, mut found) = (Some(format!("{all}?_count=1")), Vec::new());
        while let Some(address) = next {
            let answer = http.get(&address).send().await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.version()), (200, version), "{address}");
            let page: Value = answer.json().await.unwrap();
            let entry = &page["entry"][0];
            let id = entry["resource"]["id"].as_str().unwrap().to_owned();
            assert_eq!(entry["fullUrl"], format!("{all}/{id}"));
            found.push(id);
            let links = page["link"].as_array().unwrap();
            let url = |link: &Value| link["url"].as_str().unwrap().to_owned();
            assert!(links.iter().all(|link| url(link).starts_with(&all)), "{page}");
            next = links.iter().find(|link| link["relation"] == "next").map(url);
        }
        assert_eq!(found, ["RXX", "RYY"], "{version:?}");
    }
}
