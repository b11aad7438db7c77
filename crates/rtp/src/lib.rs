//! RTP, RTCP, DTMF and G.711 as data: no sockets, no clock.
