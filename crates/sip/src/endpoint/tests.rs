//! Tests of the endpoint over a simulated network.
