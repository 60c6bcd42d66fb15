//! Certificates that are made for a test, and a client that uses them.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

use super::support::client::{Connection, Request, Response};
use super::support::deadline::{DEADLINE, wait_until};
use super::support::server::Server;

/// Files in PEM form.
pub struct Certificates {
    folder: tempfile::TempDir,
}

/// A certificate with its key.
#[derive(Clone, Copy, Debug)]
pub enum Identity {
    /// Of a server at 127.0.0.1.
    Server,
    /// Of a client, by the authority that the server knows.
    Client,
    /// Of a client, by an authority that nobody knows.
    Foreign,
    /// Of a server at 127.0.0.1, whose time is over.
    Expired,
}

impl Identity {
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
            Self::Foreign => "foreign",
            Self::Expired => "expired",
        }
    }
}

impl Certificates {
    /// An authority, and certificates of all kinds.
    pub fn new() -> Self {
        let certificates = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let (known, unknown) = (authority("known"), authority("unknown"));
        fs::write(certificates.authority(), known.pem()).unwrap();
        for identity in [
            Identity::Server,
            Identity::Client,
            Identity::Foreign,
            Identity::Expired,
        ] {
            let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
            let mut parameters = CertificateParams::new(names).unwrap();
            if matches!(identity, Identity::Expired) {
                parameters.not_before = rcgen::date_time_ymd(2001, 1, 1);
                parameters.not_after = rcgen::date_time_ymd(2002, 1, 1);
            }
            let issuer = match identity {
                Identity::Foreign => &unknown,
                _ => &known,
            };
            let key = KeyPair::generate().unwrap();
            let signed = parameters.signed_by(&key, issuer).unwrap();
            fs::write(certificates.certificate(identity), signed.pem()).unwrap();
            fs::write(certificates.key(identity), key.serialize_pem()).unwrap();
        }
        certificates
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.file("authority.pem")
    }

    /// A certificate.
    pub fn certificate(&self, identity: Identity) -> PathBuf {
        self.file(&format!("{}.pem", identity.name()))
    }

    /// Its private key.
    pub fn key(&self, identity: Identity) -> PathBuf {
        self.file(&format!("{}-key.pem", identity.name()))
    }

    /// The flags with which a port (`http` or `grpc`) is served with the server's certificate.
    pub fn flags(&self, port: &str, is_mutual: bool) -> Vec<String> {
        let mut flags = vec![
            format!("--{port}-use-ssl=true"),
            format!(
                "--{port}-server-cert={}",
                text(&self.certificate(Identity::Server))
            ),
            format!("--{port}-server-key={}", text(&self.key(Identity::Server))),
        ];
        if is_mutual {
            flags.push(format!("--{port}-use-ssl-mutual=true"));
            flags.push(format!("--{port}-root-cert={}", text(&self.authority())));
        }
        flags
    }

    /// Starts a server with both ports over TLS, and waits until it is ready.
    pub fn start(&self, repository: &Path, flags: &[&str], is_mutual: bool) -> Server {
        let both = [self.flags("http", is_mutual), self.flags("grpc", is_mutual)].concat();
        let both: Vec<&str> = both.iter().map(String::as_str).collect();
        let server = Server::start_unready(repository, &[&both, flags].concat());
        wait_until("the server is ready", || {
            self.get(&server, "/v2/health/ready").status == 200
        });
        server
    }

    /// What a client trusts, shows, and offers to speak.
    pub fn client(&self, identity: Option<Identity>, protocols: &[&str]) -> ClientConfig {
        self.client_of(identity, protocols, rustls::ALL_VERSIONS)
    }

    /// The same with some versions of TLS alone.
    pub fn client_of(
        &self,
        identity: Option<Identity>,
        protocols: &[&str],
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.authority()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_file(self.certificate(identity)).unwrap()],
                    PrivateKeyDer::from_pem_file(self.key(identity)).unwrap(),
                )
                .unwrap(),
        };
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        config
    }

    /// Asks for something over a connection of its own, with the client's certificate.
    #[track_caller]
    pub fn get(&self, server: &Server, path: &str) -> Response {
        let config = self.client(Some(Identity::Client), &["http/1.1"]);
        let stream = handshake(server.http(), config).expect("the handshake is made");
        let answer = Connection::over(stream).send(&Request::get(path));
        answer.unwrap_or_else(|error| panic!("{error}\n{}", server.log()))
    }
}

/// A connection with TLS.
pub type Secured = StreamOwned<ClientConnection, TcpStream>;

/// Connects, and makes the handshake as far as the client has a part in it.
pub fn handshake(address: SocketAddr, config: ClientConfig) -> io::Result<Secured> {
    let name = ServerName::from(address.ip());
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(client, connect(address)?);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Connects without TLS.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::default();
    parameters
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A path as a part of a command line.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
