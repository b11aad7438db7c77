//! The only code that reads the time.
