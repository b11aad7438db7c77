//! Random draws of recordings that anyone can recompute.
