//! Why a port cannot be served over TLS.

use std::path::PathBuf;

/// Why a port cannot be served over TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There are certificates, and the port would be served in the clear.
    #[error(
        "{flag} '{}' is given, but TLS is not switched on and the port would be served in the clear; add \
         {switch}=true, or leave {flag} out", .file.display()
    )]
    SwitchedOff {
        /// The flag that was given.
        flag: String,
        /// What it names.
        file: PathBuf,
        /// The flag that is missing.
        switch: String,
    },
    /// A file is missing.
    #[error("{switch} needs {flag}, which is not given; give the file of {what}")]
    NotGiven {
        /// The flag that was given.
        switch: String,
        /// The one that is missing.
        flag: String,
        /// What it names.
        what: &'static str,
    },
    /// The system does not give the file.
    #[error(
        "failed to read {flag} '{}', the file of {what}: {source}; give a file that exists and that the \
         server may read", .file.display()
    )]
    Unreadable {
        /// The flag.
        flag: String,
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The file does not hold what it should.
    #[error(
        "failed to use {flag} '{}': it does not hold {what} in the form PEM ({reason}); a PEM file has a \
         line '-----BEGIN {label}-----'", .file.display()
    )]
    NotPem {
        /// The flag.
        flag: String,
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
        /// How the section is called in a PEM file.
        label: &'static str,
    },
    /// It is in PEM form, and nothing can be done with it.
    #[error(
        "failed to use {flag} '{}' as {what}: {reason}; give one for RSA, ECDSA or Ed25519 that is whole",
        .file.display()
    )]
    Unusable {
        /// The flag.
        flag: String,
        /// The file.
        file: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Two files that do not belong together.
    #[error(
        "the private key of {key_flag} '{}' does not belong to the certificate of {certificate_flag} '{}'; \
         give the two that were made together", .key.display(), .certificate.display()
    )]
    Mismatch {
        /// The flag of the key.
        key_flag: String,
        /// The key's file.
        key: PathBuf,
        /// The flag of the certificate.
        certificate_flag: String,
        /// The certificate's file.
        certificate: PathBuf,
    },
}
