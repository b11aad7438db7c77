//! Ids. Each is its own type, so that an agent is never mistaken for a phone.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as written in the configuration.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// It is found by its text: both have one order.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}", self.0)
            }
        }
    )*};
}

names! {
    /// An enterprise (租户); a SIP domain; the unit of isolation. The default one is `default`.
    TenantId;
    /// A queue (队列): where callers wait. Never changes; its label may.
    QueueId;
    /// A skill group (技能组): people and what they can do.
    GroupId;
    /// A team (班组): people who work together, under one team lead.
    TeamId;
    /// A skill (技能) that a queue asks for and an agent offers.
    SkillId;
    /// A public number (热线号码) and the flow behind it.
    HotlineId;
    /// A carrier's SIP connection (中继).
    TrunkId;
    /// A SIP account (话机): its address-of-record user, which is also its extension (分机).
    PhoneId;
    /// A prompt: the file name in the prompt folder, without its ending.
    PromptId;
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($inner);

        impl $name {
            /// The id with this number.
            #[must_use]
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The bare number.
            #[must_use]
            pub const fn number(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

numbers! {
    /// A person who takes calls (坐席): the work number (工号), 1 to 99 999 999.
    AgentId(u32);
    /// Rises by one at every start of the service; with the sequence number it names an event.
    Epoch(u32);
    /// The number of a segment within its call, from 1: one stay in a flow, a queue or with an agent.
    SegmentId(u16);
}

macro_rules! epoch_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// Unique over restarts: the epoch and a number within it, written `3-17`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name {
            epoch: Epoch,
            number: u32,
        }

        impl $name {
            /// The id number `number` of `epoch`.
            #[must_use]
            pub const fn new(epoch: Epoch, number: u32) -> Self {
                Self { epoch, number }
            }

            /// The run of the service that gave the id.
            #[must_use]
            pub const fn epoch(self) -> Epoch {
                self.epoch
            }

            /// The number within the epoch.
            #[must_use]
            pub const fn number(self) -> u32 {
                self.number
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "{}-{}", self.epoch, self.number)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let (epoch, number) = text.split_once('-').ok_or("id is not of the form 3-17")?;
                let (Ok(epoch), Ok(number)) = (epoch.parse(), number.parse()) else {
                    return Err("id is not of the form 3-17");
                };
                Ok(Self { epoch: Epoch(epoch), number })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

epoch_ids! {
    /// What the customer would call one call (通话): all its legs, from arrival to the last hang-up.
    CallId;
    /// One SIP dialog of ours (呼叫腿). The media stream of a leg has the same id.
    LegId;
}

/// One part of a recording: the call and the number of the part within it, from 1; written `3-17.1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId {
    /// The call that is heard.
    pub call: CallId,
    /// The part's number within the call, from 1.
    pub part: u16,
}

impl fmt::Display for RecordingId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.call, self.part)
    }
}

impl fmt::Debug for RecordingId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for RecordingId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (call, part) = text.split_once('.').ok_or("recording is not of the form 3-17.1")?;
        let part = part.parse().map_err(|_| "recording is not of the form 3-17.1")?;
        Ok(Self { call: call.parse()?, part })
    }
}

impl Serialize for RecordingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RecordingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_written() {
        let call = CallId::new(Epoch::new(3), 17);
        assert_eq!(call.to_string().parse(), Ok(call));
        let part = RecordingId { call, part: 2 };
        assert_eq!(part.to_string(), "3-17.2");
        assert_eq!(part.to_string().parse(), Ok(part));
        assert!("3-x".parse::<CallId>().is_err());
    }
}
