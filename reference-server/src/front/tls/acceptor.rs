//! From files to what makes handshakes.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::error::TlsError;
use super::options::TlsOptions;

const CERTIFICATE: &str = "the server's certificate";
const KEY: &str = "the certificate's private key, not encrypted,";
const ROOTS: &str = "the authorities of the clients' certificates";

/// What makes the handshakes of a port; none where it is served without TLS. A certificate that is not
/// valid now is told in the log.
///
/// # Errors
/// A flag is missing or stands there without effect, or a file cannot be used.
pub fn acceptor(options: &TlsOptions<'_>) -> Result<Option<TlsAcceptor>, TlsError> {
    if !options.is_on() {
        return match given(options) {
            None => Ok(None),
            Some((name, file)) => Err(TlsError::SwitchedOff {
                flag: options.flag(name),
                file: file.to_owned(),
                switch: options.flag("use-ssl"),
            }),
        };
    }
    let switch = options.flag(if options.mutual {
        "use-ssl-mutual"
    } else {
        "use-ssl"
    });
    let needed = |name: &str, file, what| match file {
        Some(file) => Ok(File {
            flag: options.flag(name),
            path: file,
            what,
        }),
        None => Err(TlsError::NotGiven {
            switch: switch.clone(),
            flag: options.flag(name),
            what,
        }),
    };
    let certificate = needed("server-cert", options.certificate, CERTIFICATE)?;
    let key = needed("server-key", options.key, KEY)?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("ring has what TLS 1.2 and 1.3 need");
    let builder = if options.mutual {
        let roots = needed("root-cert", options.roots, ROOTS)?;
        let verifier = WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots.authorities()?),
            provider.clone(),
        );
        let verifier = verifier.build().map_err(|error| roots.unusable(&error))?;
        builder.with_client_cert_verifier(verifier)
    } else {
        if let Some(roots) = options.roots {
            tracing::warn!(
                "{} '{}' has no effect: clients show no certificate without {}",
                options.flag("root-cert"),
                roots.display(),
                options.flag("use-ssl-mutual")
            );
        }
        builder.with_no_client_auth()
    };
    let chain = certificate.certificates()?;
    if let Some(problem) = out_of_date(&chain[0], &provider, UnixTime::now()) {
        tracing::warn!(
            "the certificate of {} '{}' {problem}: clients that check it will refuse the connection; give \
             one that is valid",
            certificate.flag,
            certificate.path.display()
        );
    }
    let config = builder.with_single_cert(chain, key.private_key()?);
    let mut config = config.map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
            key_flag: key.flag.clone(),
            key: key.path.to_owned(),
            certificate_flag: certificate.flag.clone(),
            certificate: certificate.path.to_owned(),
        },
        Error::InvalidCertificate(_) => certificate.unusable(&error),
        _ => key.unusable(&error),
    })?;
    config.alpn_protocols = vec![options.application_protocol.to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// The first file that is given, with the name of its flag.
fn given<'a>(options: &TlsOptions<'a>) -> Option<(&'static str, &'a Path)> {
    [
        ("server-cert", options.certificate),
        ("server-key", options.key),
        ("root-cert", options.roots),
    ]
    .into_iter()
    .find_map(|(name, file)| file.map(|file| (name, file)))
}

/// A file that a flag names.
struct File<'a> {
    flag: String,
    path: &'a Path,
    what: &'static str,
}

impl File<'_> {
    /// The certificates in it, of which there is one at least.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let failed = |error| self.failed(error, "CERTIFICATE");
        let sections = CertificateDer::pem_file_iter(self.path).map_err(failed)?;
        let certificates = sections.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        if certificates.is_empty() {
            return Err(failed(pem::Error::NoItemsFound));
        }
        Ok(certificates)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        PrivateKeyDer::from_pem_file(self.path).map_err(|error| self.failed(error, "PRIVATE KEY"))
    }

    fn authorities(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates()? {
            roots
                .add(certificate)
                .map_err(|error| self.unusable(&error))?;
        }
        Ok(roots)
    }

    fn failed(&self, error: pem::Error, label: &'static str) -> TlsError {
        let (flag, file, what) = (self.flag.clone(), self.path.to_owned(), self.what);
        match error {
            pem::Error::Io(source) => TlsError::Unreadable {
                flag,
                file,
                what,
                source,
            },
            error => TlsError::NotPem {
                flag,
                file,
                what,
                reason: error.to_string(),
                label,
            },
        }
    }

    fn unusable(&self, error: &dyn std::error::Error) -> TlsError {
        TlsError::Unusable {
            flag: self.flag.clone(),
            file: self.path.to_owned(),
            what: self.what,
            reason: error.to_string(),
        }
    }
}

/// Whether a certificate's time is over or has not come yet: what is wrong with it, as the end of a
/// sentence.
///
/// The judge is what verifies a server's certificate for a client. It looks at the time before anything
/// else, so that it does not matter here that it is given no authority but the certificate itself.
fn out_of_date(
    certificate: &CertificateDer<'_>,
    provider: &Arc<CryptoProvider>,
    now: UnixTime,
) -> Option<String> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone().into_owned()).ok()?;
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
    let name = ServerName::try_from("localhost").ok()?;
    let verified = verifier
        .ok()?
        .verify_server_cert(certificate, &[], &name, &[], now);
    let days = |from: UnixTime, to: UnixTime| (to.as_secs().saturating_sub(from.as_secs())) / 86400;
    match verified {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(format!("expired {} days ago", days(not_after, now)))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        })) => Some(format!(
            "is not valid for {} days yet",
            days(now, not_before)
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_counts_from_its_first_day_to_its_last() {
        let provider = Arc::new(ring::default_provider());
        let key = KeyPair::generate().unwrap();
        for is_authority in [false, true] {
            let mut parameters = CertificateParams::new(["server.example".to_owned()]).unwrap();
            parameters.not_before = date_time_ymd(2001, 1, 1);
            parameters.not_after = date_time_ymd(2001, 1, 11);
            if is_authority {
                parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            }
            let certificate = parameters.self_signed(&key).unwrap();
            let on = |day: u64| {
                // 978307200 is the first second of 2001.
                let now = Duration::from_secs(978_307_200 + day * 86400);
                out_of_date(
                    certificate.der(),
                    &provider,
                    UnixTime::since_unix_epoch(now),
                )
            };
            assert_eq!(on(0), None);
            assert_eq!(on(9), None);
            assert_eq!(on(14).unwrap(), "expired 4 days ago");
        }
        let early = UnixTime::since_unix_epoch(Duration::from_secs(0));
        let certificate = CertificateParams::new(["server.example".to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let problem = out_of_date(certificate.der(), &provider, early).unwrap();
        assert!(problem.contains("not valid"), "{problem}");
    }
}
