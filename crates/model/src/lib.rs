//! The words every other crate uses: ids, time, numbers, media descriptions, agent states and the events of the log.
