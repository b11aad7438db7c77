//! Asks the DNS where trunks are that are given by name, and asks again when the answers have run
//! out (RFC 3263; the library is hickory-resolver's).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use model::TrunkId;
use sip::endpoint::Transport;
use sip::locate::{Locator, Naptr, Place, Question, Records, Srv, Wanted};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Answers are not asked for again sooner, however short they are good for.
const SHORTEST: Duration = Duration::from_secs(30);
/// And not later, however long.
const LONGEST: Duration = Duration::from_hours(1);
/// When a name is asked for again that led nowhere.
const AFTER_FAILURE: Duration = Duration::from_secs(15);
/// What may wait to be taken.
const WAITING: usize = 64;

/// Where a trunk was found, or why not.
pub(crate) type Found = (TrunkId, Result<Vec<Place>, String>);

/// Follows the names of trunks.
pub(crate) struct Resolver {
    library: Arc<Library>,
    found: mpsc::Sender<Found>,
    /// One task a name.
    following: JoinSet<()>,
}

impl Resolver {
    /// One that asks these servers; those of the system when there are none. What it finds comes
    /// out at the other end.
    pub(crate) fn new(servers: Vec<SocketAddr>) -> (Self, mpsc::Receiver<Found>) {
        let (found, finds) = mpsc::channel(WAITING);
        let library = Arc::new(Library { servers, made: Mutex::new(None) });
        (Self { library, found, following: JoinSet::new() }, finds)
    }

    /// Follows these names from now on, and no others.
    pub(crate) fn follow(&mut self, names: Vec<(TrunkId, Wanted)>, spoken: &[Transport]) {
        self.following = JoinSet::new();
        if names.is_empty() {
            return;
        }
        for (trunk, wanted) in names {
            let (library, found) = (Arc::clone(&self.library), self.found.clone());
            let spoken = spoken.to_vec();
            self.following.spawn(async move {
                loop {
                    let (places, good_for) = match library.get() {
                        Ok(library) => search(&library, &wanted, &spoken).await,
                        Err(error) => (Err(error.to_string()), AFTER_FAILURE),
                    };
                    if found.send((trunk.clone(), places)).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(good_for).await;
                }
            });
        }
    }
}

/// The library, made when first needed: most trunks are addresses. Where it cannot be made, since the
/// system does not say yet whom to ask, it is tried again.
struct Library {
    servers: Vec<SocketAddr>,
    made: Mutex<Option<Arc<TokioResolver>>>,
}

impl Library {
    fn get(&self) -> Result<Arc<TokioResolver>, NetError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*made {
            return Ok(Arc::clone(library));
        }
        let mut builder = if self.servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = self.servers.iter().map(|server| name_server(*server)).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        // A carrier's name is complete as it is written.
        builder.options_mut().ndots = 1;
        let library = Arc::new(builder.build()?);
        *made = Some(Arc::clone(&library));
        drop(made);
        Ok(library)
    }
}

fn name_server(server: SocketAddr) -> NameServerConfig {
    let mut config = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut config.connections {
        connection.port = server.port();
    }
    config
}

/// One search, and how long its result is good for.
async fn search(
    library: &TokioResolver,
    wanted: &Wanted,
    spoken: &[Transport],
) -> (Result<Vec<Place>, String>, Duration) {
    let mut locator = Locator::new(wanted, spoken);
    let mut good_for = LONGEST;
    let mut trouble = None;
    while let Some(question) = locator.question() {
        let records = match ask(library, &question).await {
            Ok((records, lasts)) => {
                good_for = good_for.min(lasts);
                records
            }
            Err(error) => {
                trouble = Some(format!("{}: {error}", name_of(&question)));
                nothing(&question)
            }
        };
        locator.answer(records, draw);
    }
    let places = locator.places().to_vec();
    match trouble {
        _ if !places.is_empty() => (Ok(places), good_for.max(SHORTEST)),
        Some(trouble) => (Err(trouble), AFTER_FAILURE),
        None => (Err(format!("{}: no address", wanted.host)), AFTER_FAILURE),
    }
}

async fn ask(
    library: &TokioResolver,
    question: &Question,
) -> Result<(Records, Duration), NetError> {
    match question {
        Question::Naptr(name) => {
            let (records, lasts) = look_up(library, name, RecordType::NAPTR).await?;
            Ok((Records::Naptr(records.iter().filter_map(naptr).collect()), lasts))
        }
        Question::Srv(name) => {
            let (records, lasts) = look_up(library, name, RecordType::SRV).await?;
            Ok((Records::Srv(records.iter().filter_map(srv).collect()), lasts))
        }
        Question::Addresses(name) => {
            let (four, six) = tokio::join!(
                look_up(library, name, RecordType::A),
                look_up(library, name, RecordType::AAAA)
            );
            // One kind is enough.
            let (mut records, lasts) = match (four, six) {
                (Ok((four, lasts)), Ok((six, other))) => {
                    (four.into_iter().chain(six).collect(), lasts.min(other))
                }
                (Ok(one), Err(_)) | (Err(_), Ok(one)) => one,
                (Err(error), Err(_)) => return Err(error),
            };
            let addresses = records.drain(..).filter_map(|record: RData| record.ip_addr());
            Ok((Records::Addresses(addresses.collect()), lasts))
        }
    }
}

/// The records of a name; none where there are none of the kind.
async fn look_up(
    library: &TokioResolver,
    name: &str,
    kind: RecordType,
) -> Result<(Vec<RData>, Duration), NetError> {
    let mut name = Name::from_utf8(name).map_err(|error| NetError::from(error.to_string()))?;
    name.set_fqdn(true);
    match library.lookup(name, kind).await {
        Ok(lookup) => Ok((data(&lookup), lasting(&lookup))),
        Err(error) if error.is_no_records_found() => Ok((Vec::new(), LONGEST)),
        Err(error) => Err(error),
    }
}

fn data(lookup: &Lookup) -> Vec<RData> {
    lookup.answers().iter().map(|record| record.data.clone()).collect()
}

/// How long an answer is good for: as its shortest record.
fn lasting(lookup: &Lookup) -> Duration {
    let shortest = lookup.answers().iter().map(|record| record.ttl).min();
    shortest.map_or(LONGEST, |seconds| Duration::from_secs(seconds.into()))
}

fn naptr(record: &RData) -> Option<Naptr> {
    let RData::NAPTR(record) = record else { return None };
    Some(Naptr {
        order: record.order,
        preference: record.preference,
        flags: String::from_utf8_lossy(&record.flags).into_owned(),
        service: String::from_utf8_lossy(&record.services).into_owned(),
        replacement: host(&record.replacement),
    })
}

fn srv(record: &RData) -> Option<Srv> {
    let RData::SRV(record) = record else { return None };
    let (priority, weight, port) = (record.priority, record.weight, record.port);
    Some(Srv { priority, weight, port, target: host(&record.target) })
}

/// A name without the point at its end; the root is a point alone.
fn host(name: &Name) -> String {
    let text = name.to_string();
    match text.strip_suffix('.') {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => text,
    }
}

fn name_of(question: &Question) -> &str {
    match question {
        Question::Naptr(name) | Question::Srv(name) | Question::Addresses(name) => name,
    }
}

const fn nothing(question: &Question) -> Records {
    match question {
        Question::Naptr(_) => Records::Naptr(Vec::new()),
        Question::Srv(_) => Records::Srv(Vec::new()),
        Question::Addresses(_) => Records::Addresses(Vec::new()),
    }
}

/// A number from 0 to the bound: which of several targets is tried first (RFC 2782).
fn draw(bound: u32) -> u32 {
    let mut octets = [0; 4];
    // Without randomness the first is as good as any.
    let _ = getrandom::fill(&mut octets);
    u32::from_be_bytes(octets).checked_rem(bound.saturating_add(1)).unwrap_or(0)
}
