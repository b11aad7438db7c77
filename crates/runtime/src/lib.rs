//! Owns the switchboards: one thread, one bounded inbox each.
