//! hotline: the call-centre telephony middleware.
fn main() {}
