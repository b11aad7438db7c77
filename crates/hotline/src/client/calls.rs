//! Waiting calls, given out by hand.

use model::{AgentId, CallId, QueueId};
use serde_json::{Value, json};

use super::{Client, print_json};
use crate::failure::Failure;
use crate::report;

pub(crate) fn assign(
    client: &Client,
    as_json: bool,
    (call, agent): (CallId, AgentId),
) -> Result<(), Failure> {
    let value = client.post(&format!("/v1/calls/{call}/assign"), &json!({ "agent": agent }))?;
    done(as_json, &value, &format!("{call}: assigned 指派 to {agent}"))
}

pub(crate) fn move_to(
    client: &Client,
    as_json: bool,
    (call, queue): (CallId, &QueueId),
) -> Result<(), Failure> {
    let value = client.post(&format!("/v1/calls/{call}/move"), &json!({ "queue": queue }))?;
    done(as_json, &value, &format!("{call}: moved 转队列 to {queue}"))
}

fn done(as_json: bool, value: &Value, said: &str) -> Result<(), Failure> {
    if as_json {
        return print_json(value);
    }
    report::line(said);
    Ok(())
}
