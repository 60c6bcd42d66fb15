//! Both protocols over TLS, from outside: a real server process, certificates that are made for the test,
//! and clients that keep to the rules or do not. Clients from PyPI are in `tritonclient.rs`.

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/certificates.rs"]
mod certificates;

mod refusals;
mod serving;
mod start;
