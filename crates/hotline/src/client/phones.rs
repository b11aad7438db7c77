//! Phones set up by an address: issued, taken away.

use std::time::Duration;

use provision::Qr;
use serde_json::{Map, Value};

use super::{Client, list, print_json, text};
use crate::cli::PhoneAction;
use crate::failure::Failure;
use crate::report;

pub(crate) fn phones(client: &Client, as_json: bool, action: &PhoneAction) -> Result<(), Failure> {
    match action {
        PhoneAction::Provision { phone, url_base, valid, qr } => {
            let body = wanted(url_base.as_deref(), *valid);
            let issued = client.post(&format!("/v1/phones/{phone}/provisioning"), &body)?;
            if as_json {
                return print_json(&issued);
            }
            show(&issued);
            if *qr {
                report::line("");
                report::line(Qr::of(&text(&issued, "linphone"))?.text().trim_end_matches('\n'));
            }
            warn_if_unreachable(&text(&issued, "url"));
            Ok(())
        }
        PhoneAction::Revoke { phone } => {
            let path = format!("/v1/phones/{phone}/provisioning/revoke");
            client.post(&path, &Value::Object(Map::new()))?;
            report::line(&format!("phone {phone} is locked out 话机已停用"));
            Ok(())
        }
    }
}

fn wanted(url_base: Option<&str>, valid: Option<Duration>) -> Value {
    let valid = valid.and_then(|valid| u64::try_from(valid.as_millis()).ok());
    let base = url_base.map(|base| ("url_base".to_owned(), base.into()));
    let valid = valid.map(|valid| ("valid_ms".to_owned(), valid.into()));
    Value::Object(base.into_iter().chain(valid).collect())
}

fn show(issued: &Value) {
    let row = |what: &str, value: String| vec![what.to_owned(), value];
    let mut rows = vec![
        row("good until 有效期至", text(issued, "expires_at")),
        row("desk phones 桌面话机", text(issued, "url")),
    ];
    let files = list(issued, "files");
    let files = files.iter().filter_map(Value::as_str);
    rows.extend(
        files.map(|file| row(file.rsplit('/').next().unwrap_or_default(), file.to_owned())),
    );
    let phone = text(issued, "phone");
    report::table(&[&format!("phone 话机 {phone}"), "has a new password 已更换密码"], &rows);
}

/// Whoever asks for an address on this machine without saying how phones reach it gets its own.
fn warn_if_unreachable(url: &str) {
    let host = url.split("//").nth(1).unwrap_or_default();
    if ["127.", "localhost", "[::1]"].iter().any(|here| host.starts_with(here)) {
        report::warning(
            "warning: phones elsewhere do not reach this address: say how they reach the service \
             with --url-base or `provisioning.url`",
        );
    }
}
