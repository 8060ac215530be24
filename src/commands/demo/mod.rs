//! `lanyard demo`: from an empty folder to a signed prescription that a stranger's tool accepts, in visible steps.
//!
//! The demo is `lanyard init`, a ceremony, a server and three clients that use the HTTPS API like anybody else.
//! It knows no way around authorisation. Each step looks first whether its work is done, so a second run is quick and
//! a run that broke off goes on where it was.

mod openssl;
mod people;
mod places;
mod show;
mod world;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use directory::seed::Planted;
use platform::telemetry::{self, Guard};

use super::init::Folder;
use super::{ceremony, enrol, softhsm};
use crate::cli::{Demo, EnrolKind};
use crate::config::{Config, Listen, Purpose, Template, listen_on};
use crate::files;
use crate::serve::Server;
use crate::terminal::{Outcome, Steps, line, seconds};
use crate::wiring::{self, App, Foundation};
use people::Callers;
use places::Places;

const STEPS: usize = 16;
const ORGANISATION: &str = "Lanyard Demo";
/// The name under which everything is reached.
const HOST: &str = "localhost";
/// How long the server may take to say that it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// Runs every step, then stays up until told to stop.
pub async fn run(options: &Demo) -> anyhow::Result<()> {
    let places = Places::new(&options.dir)?;
    let mut steps = Steps::new(STEPS);
    line(format_args!("Lanyard demo in {}", places.root.display()));
    let alone = files::alone(&places.root)?;
    let (foundation, telemetry) = Box::pin(installation(options, &places, &mut steps)).await?;
    let app = authorities(foundation, &places, &mut steps).await?;
    let listen = app.config.listen.clone();
    let server = steps.run("Start the server", start(&app, telemetry)).await?;
    let shown = inhabited_and_signed(options, &app, &listen, &places, &mut steps).await;
    let planted = match shown {
        Ok(planted) => planted,
        Err(error) => {
            server.stop().await?;
            return Err(error.context(format!("the log of the server is {}", places.log().display())));
        }
    };
    drop(alone);
    farewell(&places, &listen, steps.elapsed(), planted.as_ref());
    if options.once {
        return server.stop().await;
    }
    line("The server stays up; Ctrl-C stops it.");
    server.until_told().await?;
    line("Stopped; everything that was accepted is finished.");
    Ok(())
}

/// Steps 1 to 4: programs and ports, configuration, token, database.
async fn installation(
    options: &Demo,
    places: &Places,
    steps: &mut Steps,
) -> anyhow::Result<(Foundation, Guard)> {
    let folder = Folder::new(&places.root)?;
    let wanted = listen_on(Ipv4Addr::LOCALHOST, &options.ports);
    let existing = existing(&folder, options, &wanted)?;
    let listen = existing.as_ref().map_or(&wanted, |config| &config.listen).clone();
    let module = steps.run("Look at this machine", async { look(options, &listen) }).await?;
    let template = Template {
        listen: listen.clone(),
        module,
        host: HOST.to_owned(),
        purpose: Purpose::Demonstration,
        ..Template::example()
    };
    steps
        .run("Write configuration and PINs", async {
            folder.write(&template, ORGANISATION).map(|outcome| ((), outcome))
        })
        .await?;
    let mut config = Config::load(&folder.configuration())?;
    config.telemetry.file.get_or_insert_with(|| places.log());
    let telemetry = telemetry::init(&config.telemetry)?;
    steps.run("Make the token", async { folder.token(&config).map(|outcome| ((), outcome)) }).await?;
    let url = config.database.url.clone();
    let foundation = steps
        .run("Prepare the database", async {
            let foundation = Box::pin(Foundation::open(config)).await?;
            Ok::<_, anyhow::Error>((foundation, Outcome::Done(wiring::shown(&url))))
        })
        .await?;
    Ok((foundation, telemetry))
}

/// The configuration of an earlier run, unless this run asks for other ports than it was made with: they stand in
/// the certificates already.
fn existing(folder: &Folder, options: &Demo, wanted: &Listen) -> anyhow::Result<Option<Config>> {
    if !folder.configuration().exists() {
        return Ok(None);
    }
    let config = Config::load(&folder.configuration())?;
    let asked = options.ports != crate::cli::Ports::default();
    if asked && wanted.all().map(|(_, at)| at.port()) != config.listen.all().map(|(_, at)| at.port()) {
        bail!(
            "{} was made with other ports; leave the port options out, or choose another --dir",
            folder.configuration().display()
        );
    }
    Ok(Some(config))
}

/// Programs and ports, before anything is written.
fn look(options: &Demo, listen: &Listen) -> anyhow::Result<(PathBuf, Outcome)> {
    let module = softhsm::find(options.module.as_deref())?;
    let openssl = openssl::version()?;
    for (name, address) in listen.all() {
        free(name, address)?;
    }
    let ports: Vec<_> = listen.all().iter().map(|(_, address)| address.port().to_string()).collect();
    let what = format!("{openssl}, {}, ports {} free", module.display(), ports.join(" "));
    Ok((module, Outcome::Done(what)))
}

fn free(name: &str, address: SocketAddr) -> anyhow::Result<()> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "port {} (for {name}) is in use; stop what uses it (an earlier demo?), or choose others with --port-base 18443 --dir another-folder",
            address.port()
        ),
        Err(error) => {
            Err(error).with_context(|| format!("port {} (for {name}) cannot be used", address.port()))
        }
    }
}

/// Steps 5 and 6: the key ceremony, the server's certificate and the desk's.
async fn authorities(foundation: Foundation, places: &Places, steps: &mut Steps) -> anyhow::Result<App> {
    let folder = Folder::new(&places.root)?;
    steps
        .run("Key ceremony: root and four authorities", async {
            let held = ceremony::hold(&foundation, &folder.ceremony(), None, |_| {}).await;
            held.map(|outcome| ((), outcome))
        })
        .await?;
    steps
        .run("Certificates of server and desk", async {
            let app = App::open(foundation).await?;
            app.demand_alone()?;
            let tls = app.config.tls.clone();
            let pair = crate::keypair::Pair { certificate: tls.certificate, key: tls.key };
            let server = enrol::ensure(&app, EnrolKind::Server, HOST, &[], &pair).await?;
            let desk =
                enrol::ensure(&app, EnrolKind::Client, "registration-desk", &[], &places.desk()).await?;
            if world::has_room(&app)? {
                enrol::ensure(&app, EnrolKind::Client, places::OPERATOR, &[], &places.operator()).await?;
            }
            enrol::leave_root(&app, &places.trusted_root()).await?;
            let outcome = match (server, desk) {
                (Outcome::InPlace(_), Outcome::InPlace(_)) => {
                    Outcome::InPlace("tls/server.pem, clients/registration-desk.pem".to_owned())
                }
                _ => Outcome::Done("tls/server.pem, clients/registration-desk.pem".to_owned()),
            };
            Ok::<_, anyhow::Error>((app, outcome))
        })
        .await
}

/// Step 7: the server, up and ready.
async fn start(app: &App, telemetry: Guard) -> anyhow::Result<(Server, Outcome)> {
    let server = Server::start(app.clone(), telemetry).await?;
    server.ready(READY_WITHIN).await?;
    Ok((server, Outcome::Done(format!("ready on https://{HOST}:{}", app.config.listen.public.port()))))
}

/// Steps 8 to 16: the people of the register, a signature of one of them, and the stranger's verdict.
async fn inhabited_and_signed(
    options: &Demo,
    app: &App,
    listen: &Listen,
    places: &Places,
    steps: &mut Steps,
) -> anyhow::Result<Option<Planted>> {
    let callers = Callers::new(&format!("https://{HOST}:{}", listen.systems.port()), places)?;
    let planted = inhabited(options, app, &callers, steps).await?;
    signed(app, &callers, listen, places, steps).await?;
    Ok(planted)
}

/// Steps 8 and 9: the invented world.
async fn inhabited(
    options: &Demo,
    app: &App,
    callers: &Callers,
    steps: &mut Steps,
) -> anyhow::Result<Option<Planted>> {
    let left_out = if options.without_people {
        Some("left out, as asked")
    } else if world::has_room(app)? {
        None
    } else {
        Some("left out: an earlier version made this folder")
    };
    let title = "Organisations and national roles";
    if let Some(why) = left_out {
        for title in [title, "People, positions and requests"] {
            let outcome = Outcome::Done(why.to_owned());
            steps.run(title, async { Ok::<_, anyhow::Error>(((), outcome)) }).await?;
        }
        return Ok(None);
    }
    steps.run(title, async { world::bring_in(app).await.map(|outcome| ((), outcome)) }).await?;
    let planted = steps.run("People, positions and requests", world::plant(callers, &app.clock)).await?;
    Ok(Some(planted))
}

/// Steps 10 to 16: a prescription is signed, and a stranger looks at it.
async fn signed(
    app: &App,
    callers: &Callers,
    listen: &Listen,
    places: &Places,
    steps: &mut Steps,
) -> anyhow::Result<()> {
    let now = app.clock.now();
    let system = steps.run("Enrol the prescribing system", callers.system(now)).await?;
    let person = steps.run("Issue the prescriber's sign-in", callers.person(now)).await?;
    let credential = steps.run("Make the prescriber's signing key", callers.credential()).await?;
    let passphrase =
        steps.run("Prescriber sets a passphrase", callers.passphrase(&person, &credential)).await?;
    steps
        .run("Sign the prescription", async {
            show::sign(&system, &credential, &passphrase, places).await.map(|outcome| ((), outcome))
        })
        .await?;
    let plain = format!("http://{HOST}:{}", listen.plain.port());
    steps
        .run("Verify with openssl and the CRLs", async {
            show::fetch_lists(&plain, places).await?;
            show::verify(places).map(|outcome| ((), outcome))
        })
        .await?;
    steps
        .run("Verify a changed prescription", async {
            show::verify_changed(places).map(|outcome| ((), outcome))
        })
        .await
}

fn farewell(places: &Places, listen: &Listen, took: Duration, planted: Option<&Planted>) {
    line(format_args!(
        "\nDone in {}. {} has signed a prescription.\n",
        seconds(took),
        people::display_name()
    ));
    line("Look at");
    for (what, path) in show::where_to_look(&places.out()) {
        line(format_args!("  {what:<18} {path}"));
    }
    line(format_args!("  {:<18} {}", "codes and notices", places.mailbox().display()));
    line(format_args!("  {:<18} {}", "the server's log", places.log().display()));
    line("\nRepeat the check with");
    line(format_args!("  {}", openssl::command_line(&places.out())));
    if let Some(planted) = planted {
        world::show(planted, places, listen);
    }
    line("\nOpen (your browser will not know the demo's root; clients/root.pem is it)");
    line(format_args!("  the API            https://{HOST}:{}/docs/", listen.public.port()));
    line(format_args!("  the audit log      https://{HOST}:{}/audit/checkpoint", listen.public.port()));
    line(format_args!("  revocation lists   http://{HOST}:{}/crl/root.crl", listen.plain.port()));
    line(format_args!("  readiness          http://{}/ready", listen.private));
    line(format_args!("  metrics            http://{}/metrics\n", listen.private));
}
