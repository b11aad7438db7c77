//! The whole surface over loopback: a real listener, a store in a temporary folder, and a floor
//! that answers what it is told to.

mod client;
mod commands;
mod document;
mod hostile;
mod house;
mod phones;
mod reading;
mod streams;
mod why;
