//! SIP and SDP as data: messages, transactions, dialogs, registrar, digest, offer/answer. No sockets, no clock.
