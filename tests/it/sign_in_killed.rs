//! `kill -9` between the browser's code and the relying party's token, several times under load: a code that reached a browser is worth
//! tokens once, whatever happened to the process that made it.

use std::sync::{Arc, Mutex};

use platform::db::Engine;
use platform::db::testing::TestDb;

use crate::rig::{Serving, Site, until};
use crate::visitor::{self, Led, Party, Visitor};

/// How often the process is killed.
const KILLS: usize = 6;

/// What browsers and the relying party were told until a process was killed.
#[derive(Default)]
struct Told {
    /// Codes that a browser has, and that nobody has used.
    codes: Vec<String>,
    /// Codes that were used, with the access tokens that were given for them.
    used: Vec<(String, String)>,
    /// Codes that were being used when the process was killed: nobody knows.
    open: Vec<String>,
    /// How many refresh tokens were used.
    refreshed: usize,
    /// Refresh tokens that were being used when the process was killed: nobody knows.
    refreshing: Vec<String>,
}

impl Told {
    fn counts(told: &Mutex<Self>) -> (usize, usize, usize) {
        let told = told.lock().unwrap();
        (told.codes.len(), told.used.len(), told.refreshed)
    }
}

/// People sign in and come back signed in, and a relying party uses some of their codes, while the server is killed. After that each code
/// that reached a browser is worth tokens once and never again, a refresh whose answer was lost is asked for again, what was given for others goes on, none is worth tokens twice, and
/// whoever was about to sign in does.
#[tokio::test(flavor = "multi_thread")]
async fn codes_outlive_a_killed_process_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    visitor::prepare(&site);
    killed(site).await;
}

/// The same on PostgreSQL, whose side of a lost connection ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn codes_outlive_a_killed_process_on_postgres() {
    let database = TestDb::new(Engine::Postgres).await;
    let dir = tempfile::tempdir().unwrap();
    let site = Site::of_demo(dir.path());
    site.move_to(&database, dir.path());
    visitor::prepare(&site);
    killed(site).await;
}

async fn killed(site: Site) {
    let site = Arc::new(site);
    let mut serving = Serving::spawn(&site);
    site.private("/ready", 200).await;
    let party = Arc::new(Party::register(&site).await);
    for round in 0..KILLS {
        let told = Arc::new(Mutex::new(Told::default()));
        let mut waiting = Visitor::arrives(&site);
        let Led::SignIn(secret) = waiting.asks(&site).await.unwrap() else {
            panic!("nobody has signed in there")
        };
        let shared = || (Arc::clone(&site), Arc::clone(&party), Arc::clone(&told));
        let workers = [
            tokio::spawn(comes_back(shared())),
            tokio::spawn(comes_back(shared())),
            tokio::spawn(signs_in(shared())),
            tokio::spawn(uses(shared())),
            tokio::spawn(uses(shared())),
            tokio::spawn(refreshes(shared())),
        ];
        until("some of each kind are answered", || {
            let (codes, used, refreshed) = Told::counts(&told);
            codes >= 20 + round && used >= 10 && refreshed >= 5
        })
        .await;
        serving.kill();
        for worker in workers {
            worker.await.unwrap();
        }
        serving = Serving::spawn(&site);
        site.private("/ready", 200).await;
        let told = Arc::into_inner(told).expect("no worker has it").into_inner().unwrap();
        holds(&site, &party, &told).await;
        let code = waiting.signs_in(&site, &secret, &party.person).await.unwrap();
        assert_eq!(waiting.exchanges(&site, &party, &code).await.unwrap().0, 200);
    }
    serving.kill();
}

type Shared = (Arc<Site>, Arc<Party>, Arc<Mutex<Told>>);

/// Comes back signed in, and keeps the codes, until the server is gone.
async fn comes_back((site, party, told): Shared) {
    let mut browser = Visitor::arrives(&site);
    while let Ok(code) = browser.code(&site, &party.person).await {
        told.lock().unwrap().codes.push(code);
    }
}

/// Signs in each time anew, and keeps the codes.
async fn signs_in((site, party, told): Shared) {
    loop {
        let mut browser = Visitor::arrives(&site);
        let Ok(Led::SignIn(secret)) = browser.asks(&site).await else { return };
        match browser.signs_in(&site, &secret, &party.person).await {
            Ok(code) => told.lock().unwrap().codes.push(code),
            Err(_) => return,
        }
    }
}

/// Comes back signed in, and has the relying party use each code at once.
async fn uses((site, party, told): Shared) {
    let mut browser = Visitor::arrives(&site);
    while let Ok(code) = browser.code(&site, &party.person).await {
        match browser.exchanges(&site, &party, &code).await {
            Ok((status, given)) => {
                assert_eq!(status, 200, "{given}");
                let token = given["access_token"].as_str().unwrap().to_owned();
                told.lock().unwrap().used.push((code, token));
            }
            Err(_) => return told.lock().unwrap().open.push(code),
        }
    }
}

/// Has the relying party use one refresh token after the other.
async fn refreshes((site, party, told): Shared) {
    let mut browser = Visitor::arrives(&site);
    let Ok(code) = browser.code(&site, &party.person).await else { return };
    let Ok((200, mut given)) = browser.exchanges(&site, &party, &code).await else { return };
    loop {
        let token = given["refresh_token"].as_str().unwrap().to_owned();
        match browser.refreshes(&site, &party, &token).await {
            Ok((status, said)) => {
                assert_eq!(status, 200, "{said}");
                told.lock().unwrap().refreshed += 1;
                given = said;
            }
            Err(_) => return told.lock().unwrap().refreshing.push(token),
        }
    }
}

/// Whether another process keeps what was told.
async fn holds(site: &Site, party: &Party, told: &Told) {
    let server = Visitor::arrives(site);
    assert_eq!(told.refreshing.len(), 1);
    for token in &told.refreshing {
        let (status, given) = server.refreshes(site, party, token).await.unwrap();
        assert_eq!(status, 200, "a refresh whose answer was lost ended the sign-in: {given}");
        let next = given["refresh_token"].as_str().unwrap();
        assert_eq!(server.refreshes(site, party, next).await.unwrap().0, 200);
        assert_eq!(server.refreshes(site, party, token).await.unwrap().0, 400, "it was worth tokens twice");
    }
    assert!(told.codes.len() >= 20 && told.used.len() >= 10);
    for code in &told.codes {
        let (status, given) = server.exchanges(site, party, code).await.unwrap();
        assert_eq!(status, 200, "a code that a browser got is worth nothing: {given}");
        assert_eq!(server.userinfo(site, given["access_token"].as_str().unwrap()).await.unwrap(), 200);
        once(site, party, &server, code).await;
    }
    for (code, token) in &told.used {
        assert_eq!(
            server.userinfo(site, token).await.unwrap(),
            200,
            "a token that was given is worth nothing"
        );
        once(site, party, &server, code).await;
        assert_eq!(
            server.userinfo(site, token).await.unwrap(),
            401,
            "a code that came twice ends what it gave"
        );
    }
    for code in &told.open {
        let (status, given) = server.exchanges(site, party, code).await.unwrap();
        assert!(status == 200 || (status == 400 && given["error"] == "invalid_grant"), "{status} {given}");
        once(site, party, &server, code).await;
    }
}

/// A code that was used is refused.
async fn once(site: &Site, party: &Party, server: &Visitor, code: &str) {
    let (status, said) = server.exchanges(site, party, code).await.unwrap();
    assert_eq!(
        (status, said["error"].as_str()),
        (400, Some("invalid_grant")),
        "a code was worth tokens twice"
    );
}
