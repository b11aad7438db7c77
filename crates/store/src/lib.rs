//! The journal on disk and its SQL projections.
