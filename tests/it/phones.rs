//! Phones as whoever runs the telephones sets them up: by an address, by a QR code, within networks.

use std::fs;

use serde_json::Value;

use crate::house::{Baresip, Passwords, Plan, SOON, Server, wait_until};

/// The status of an address, and what is there.
fn fetch(url: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(SOON))
        .http_status_as_error(false)
        .build()
        .into();
    let mut answer = agent.get(url).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

/// The address that the command line gives out for phone 1001.
fn provision(server: &Server, words: &[&str]) -> String {
    let said = server.command_line(&[&["phone", "provision", "1001", "--json"], words].concat());
    let issued: Value = serde_json::from_str(&said).unwrap();
    issued["url"].as_str().unwrap().to_owned()
}

fn bindings(server: &Server) -> u32 {
    server.status().agents[0].bindings
}

fn is_registered(server: &Server, phone: &Baresip) {
    phone.is_registered();
    wait_until("the service tells of it", SOON, || bindings(server) == 1);
}

#[test]
fn a_phone_set_up_by_its_address_registers_with_exactly_what_was_served() {
    let plan = Plan { passwords: Passwords::Issued, ..Plan::default() };
    // What is killed here leaves its binding behind; the next takes its place.
    let own = "[phones.1001]\nmost_bindings = 1";
    let mut server = Server::start_with(plan, |text| text.replace("[phones.1001]", own));
    let first = provision(&server, &[]);
    let (status, account) = fetch(&format!("{first}baresip.txt"));
    assert_eq!(status, 200, "{account}");
    let phone = Baresip::of_account(&account, server.phones());
    is_registered(&server, &phone);
    let told: Value = serde_json::from_str(&fetch(&format!("{first}phone.json")).1).unwrap();
    let password = told["password"].as_str().unwrap();
    assert!(account.contains(&format!("auth_pass={password};")), "{account}");

    // Another address is another password: what was registered has ended when it is there.
    let second = provision(&server, &["--url-base", &format!("http://{}", host(&first))]);
    assert_eq!(bindings(&server), 0);
    assert_eq!(fetch(&format!("{first}baresip.txt")).0, 404);
    drop(phone);
    // It has only so many tries, and then must wait.
    Baresip::of_account(&account, server.phones()).is_refused("403");
    assert_eq!(bindings(&server), 0);
    assert_eq!(fetch(&format!("{second}baresip.txt")).0, 200);
    let second = provision(&server, &[]);
    let (_, renewed) = fetch(&format!("{second}baresip.txt"));
    let phone = Baresip::of_account(&renewed, server.phones());
    is_registered(&server, &phone);
    drop(phone);

    // All of it outlives the service, and no password is in its files or its log.
    server.stop();
    server.restart();
    assert_eq!(fetch(&format!("{second}baresip.txt")), (200, renewed.clone()));
    let phone = Baresip::of_account(&renewed, server.phones());
    is_registered(&server, &phone);
    let kept = fs::read_to_string(server.folder().join("state/secrets.toml")).unwrap();
    let said = server.said();
    let tag = first.trim_end_matches('/').rsplit('.').next().unwrap();
    for secret in [password, tag] {
        assert!(!kept.contains(secret) && !said.contains(secret), "{said}");
    }
    assert!(kept.contains("provisioning_key") && said.contains("system.phone_config_fetched"));

    server.command_line(&["phone", "revoke", "1001"]);
    assert_eq!(bindings(&server), 0);
    assert_eq!(fetch(&format!("{second}baresip.txt")).0, 404);
}

/// The host and port of an address.
fn host(url: &str) -> &str {
    url.split('/').nth(2).unwrap()
}

#[test]
fn an_address_that_was_tampered_with_or_has_expired_is_not_there() {
    let plan = Plan { passwords: Passwords::Issued, ..Plan::default() };
    let server = Server::start(plan);
    let url = provision(&server, &["--valid", "2s"]);
    let file = format!("{url}linphone.xml");
    let other = if url.ends_with("0/") { "1/" } else { "0/" };
    let tampered = format!("{}{other}linphone.xml", &url[..url.len() - 2]);
    assert_eq!(fetch(&tampered).0, 404);
    assert_eq!(fetch(&file.replace("/1001.", "/1002.")).0, 404);
    wait_until("the address has expired", SOON, || fetch(&file).0 == 404);
    assert!(server.said().contains("is not good"), "{}", server.said());
    let shown = server.command_line(&["phone", "provision", "1001", "--qr"]);
    assert!(shown.contains("linphone.xml") && shown.contains('▀'), "{shown}");
}

#[test]
fn a_phone_outside_its_networks_is_refused_and_named_in_the_log() {
    let own = "[phones.1001]\nnetworks = [\"192.0.2.0/24\"]";
    let server = Server::start_with(Plan::default(), |text| text.replace("[phones.1001]", own));
    let account = |phone: u16| {
        let (at, password) = (server.phones(), crate::house::PASSWORD);
        format!(
            "<sip:{phone}@{at};transport=udp>;auth_user={phone};auth_pass={password};regint=600"
        )
    };
    Baresip::of_account(&account(1001), server.phones()).is_refused("403");
    Baresip::of_account(&account(1002), server.phones()).is_registered();
    wait_until("the log names phone and address", SOON, || {
        let said = server.said();
        said.lines().any(|line| {
            let named = line.contains("phone=1001") && line.contains("address=127.0.0.1");
            line.contains("outside its networks") && named
        })
    });
    assert_eq!(bindings(&server), 0);
}
