//! A flow as the configuration gives it.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{PromptId, QueueId};

/// The name of a step within its flow.
pub type StepName = String;

/// The graph of steps behind a hotline. Configuration has checked that every name exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flow {
    /// The flow's name.
    pub name: String,
    /// Where the caller begins.
    pub start: StepName,
    /// The steps.
    pub steps: BTreeMap<StepName, Step>,
}

/// One thing a caller meets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Hear prompts, then go on.
    Play {
        /// What is played, in order.
        prompts: Vec<PromptId>,
        /// Where the caller goes then.
        next: StepName,
    },
    /// Hear prompts, press a digit.
    Menu {
        /// What is played, in order.
        prompts: Vec<PromptId>,
        /// How long a digit is waited for after the prompts.
        wait: Duration,
        /// How often the prompts are played in all.
        tries: u8,
        /// Where each digit leads.
        choices: BTreeMap<char, StepName>,
        /// Where the caller goes who pressed nothing that leads anywhere.
        otherwise: StepName,
    },
    /// Wait in a queue.
    Queue {
        /// Which.
        queue: QueueId,
        /// The caller's priority there; higher is served first.
        priority: u8,
    },
    /// Be called back, in the place of one who enters the queue now.
    Callback {
        /// Which queue.
        queue: QueueId,
        /// The priority there; higher is served first.
        priority: u8,
        /// Where the caller goes who cannot be called back.
        otherwise: StepName,
    },
    /// The call ends, after prompts.
    Release {
        /// What is played before, in order.
        prompts: Vec<PromptId>,
    },
}
