//! SIP over UDP and TCP: drives the sip core and turns dialogs into leg facts.
