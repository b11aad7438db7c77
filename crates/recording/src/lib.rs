//! Recordings on disk: written as the call goes on, recovered after a crash, sealed and indexed.
