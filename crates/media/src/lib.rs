//! RTP on its own threads: relay, prompts, DTMF, capture. Obeys media commands, never waits.
