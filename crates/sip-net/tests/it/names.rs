//! A name server of a few names, over UDP.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

/// What is said of each name.
type Zone = Arc<Mutex<Vec<(Name, RData)>>>;

pub(crate) struct Names {
    pub(crate) address: SocketAddr,
    zone: Zone,
}

impl Names {
    pub(crate) async fn serve() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Zone::default();
        let known = Arc::clone(&zone);
        tokio::spawn(async move {
            let mut octets = [0; 2_048];
            while let Ok((length, peer)) = socket.recv_from(&mut octets).await {
                let asked = Message::from_vec(&octets[..length]).unwrap();
                let answer = answer(&asked, &known.lock().unwrap());
                socket.send_to(&answer.to_vec().unwrap(), peer).await.unwrap();
            }
        });
        Self { address, zone }
    }

    pub(crate) fn naptr(&self, name: &str, (order, service): (u16, &str), replacement: &str) {
        let none = Box::default();
        let (flags, service) = (Box::from(&b"s"[..]), Box::from(service.as_bytes()));
        let record = NAPTR::new(order, 0, flags, service, none, self.name(replacement));
        self.say(name, RData::NAPTR(record));
    }

    pub(crate) fn srv(&self, name: &str, priority: u16, (host, port): (&str, u16)) {
        self.say(name, RData::SRV(SRV::new(priority, 0, port, self.name(host))));
    }

    pub(crate) fn host(&self, name: &str, address: &str) {
        self.say(
            name,
            match address.parse().unwrap() {
                IpAddr::V4(address) => RData::A(A(address)),
                IpAddr::V6(address) => RData::AAAA(AAAA(address)),
            },
        );
    }

    fn say(&self, name: &str, data: RData) {
        let name = self.name(name);
        self.zone.lock().unwrap().push((name, data));
    }

    fn name(&self, name: &str) -> Name {
        let mut name = Name::from_utf8(name).unwrap();
        name.set_fqdn(true);
        name
    }
}

fn answer(asked: &Message, zone: &[(Name, RData)]) -> Message {
    let mut answer = Message::response(asked.id, OpCode::Query);
    let query = asked.queries.first().unwrap().clone();
    let kind: RecordType = query.query_type();
    let of_name = zone.iter().filter(|(name, _)| name == query.name());
    let records: Vec<_> = of_name.clone().filter(|(_, data)| data.record_type() == kind).collect();
    for (name, data) in &records {
        answer.add_answer(Record::from_rdata(name.clone(), 60, data.clone()));
    }
    if of_name.count() == 0 {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.add_query(query);
    answer
}
