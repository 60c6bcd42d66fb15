//! TLS to the server: whom it is believed, and what is shown to it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::connection::Failure;
use super::endpoint::{Endpoint, Protocol};

/// How long a handshake may take.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The files of a TLS connection, as they are typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// `--ca-certificate`: the authorities of the server's certificate; `None`: those of the system.
    pub authorities: Option<PathBuf>,
    /// `--client-certificate`: what is shown to the server.
    pub certificate: Option<PathBuf>,
    /// `--client-key`: the key of that.
    pub key: Option<PathBuf>,
    /// `--insecure`: any certificate of the server is taken.
    pub insecure: bool,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The connection is none with TLS.
    #[error(
        "{flag} has no meaning for {url}, which is without TLS; type https:// or grpcs://, or leave \
         {flag} out"
    )]
    WithoutTls {
        /// The flag that was given.
        flag: &'static str,
        /// The server.
        url: Endpoint,
    },
    /// The host cannot be in a certificate.
    #[error(
        "failed to connect to {url} with TLS: '{host}' cannot be a name in a certificate; give a DNS name or an address"
    )]
    Name {
        /// The server.
        url: Endpoint,
        /// The name.
        host: String,
    },
    /// A file cannot be read, or does not hold what it should.
    #[error(
        "failed to read {what} from {flag} '{}': {reason}; give a file in the form PEM", .file.display()
    )]
    File {
        /// The flag.
        flag: &'static str,
        /// What it should hold.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The system trusts nobody.
    #[error(
        "failed to find the certificate authorities that the system trusts{reason}; give the server's \
         with --ca-certificate"
    )]
    NoAuthorities {
        /// What the system said: empty, or behind a colon.
        reason: String,
    },
    /// The client's certificate and key cannot be used together.
    #[error(
        "failed to use --client-certificate '{}' with --client-key '{}': {source}; give the two that were \
         made together", .certificate.display(), .key.display()
    )]
    Identity {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl TlsFiles {
    /// The first flag that was given.
    fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.authorities.is_some(), "--ca-certificate"),
            (self.certificate.is_some(), "--client-certificate"),
            (self.key.is_some(), "--client-key"),
            (self.insecure, "--insecure"),
        ];
        flags
            .into_iter()
            .find_map(|(given, flag)| given.then_some(flag))
    }
}

/// Makes the handshakes with one server.
#[derive(Clone)]
pub struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish()
    }
}

impl Tls {
    /// For the server at `endpoint`; `None` where that is spoken to without TLS.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(endpoint: &Endpoint, files: &TlsFiles) -> Result<Option<Self>, TlsError> {
        if !endpoint.tls {
            return match files.given() {
                None => Ok(None),
                Some(flag) => Err(TlsError::WithoutTls {
                    flag,
                    url: endpoint.clone(),
                }),
            };
        }
        let host = endpoint.host();
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::Name {
            url: endpoint.clone(),
            host: host.to_owned(),
        })?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring has what TLS 1.2 and 1.3 need");
        let builder = if files.insecure {
            builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        } else {
            builder.with_root_certificates(authorities(files.authorities.as_deref())?)
        };
        let mut config = match (&files.certificate, &files.key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates("--client-certificate", certificate)?;
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                    unreadable("--client-key", "a private key, not encrypted,", key, &error)
                })?;
                builder
                    .with_client_auth_cert(chain, secret)
                    .map_err(|source| TlsError::Identity {
                        certificate: certificate.clone(),
                        key: key.clone(),
                        source,
                    })?
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![match endpoint.protocol {
            Protocol::Http => b"http/1.1".to_vec(),
            Protocol::Grpc => b"h2".to_vec(),
        }];
        Ok(Some(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        }))
    }

    /// Makes a handshake.
    ///
    /// # Errors
    /// [`Failure::Broken`], [`Failure::TimedOut`].
    pub async fn handshake(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
        let handshake = self.connector.connect(self.name.clone(), stream);
        tokio::time::timeout(HANDSHAKE_LIMIT, handshake)
            .await
            .map_err(|_| Failure::TimedOut(HANDSHAKE_LIMIT))?
            .map_err(|error| Failure::Broken(format!("the TLS handshake failed: {error}")))
    }
}

/// The authorities in a file, or those of the system.
fn authorities(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(file) => {
            for certificate in certificates("--ca-certificate", file)? {
                roots.add(certificate).map_err(|error| {
                    unreadable("--ca-certificate", "a certificate", file, &error)
                })?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            // Some systems trust certificates that are older than the rules for them.
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let reason = found.errors.first().map(|error| format!(": {error}"));
                return Err(TlsError::NoAuthorities {
                    reason: reason.unwrap_or_default(),
                });
            }
        }
    }
    Ok(roots)
}

fn certificates(flag: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error: pem::Error| unreadable(flag, "a certificate", file, &error);
    let sections = CertificateDer::pem_file_iter(file).map_err(failed)?;
    let certificates = sections.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if certificates.is_empty() {
        return Err(failed(pem::Error::NoItemsFound));
    }
    Ok(certificates)
}

fn unreadable(
    flag: &'static str,
    what: &'static str,
    file: &Path,
    reason: &dyn fmt::Display,
) -> TlsError {
    TlsError::File {
        flag,
        what,
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// Takes any server for the right one, if only it has the key of the certificate that it shows.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
