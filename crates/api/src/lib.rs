//! HTTP and WebSocket: the same commands for console, scripts and the command line.
