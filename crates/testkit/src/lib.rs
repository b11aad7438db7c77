//! The simulated centre: callers and phones that speak real SIP and RTP, on our own cores.
