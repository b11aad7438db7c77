//! Automatic call distribution: which caller meets which agent, when, and why.
