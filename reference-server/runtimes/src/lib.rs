//! Catalogue of framework runtimes: install, locate, describe.
