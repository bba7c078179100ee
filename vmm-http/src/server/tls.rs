//! TLS by certificate files.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The fault of a certificate or its key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read, or is not PEM.
    #[error("{0} cannot be read as PEM: {1}")]
    Unreadable(PathBuf, #[source] pem::Error),
    /// Others than its owner can read the key.
    #[error("{path} has mode {mode:03o}, so others can read the key; run: chmod 600 {path}", path = .0.display(), mode = .1)]
    ReadableByOthers(PathBuf, u32),
    /// A file holds no certificate.
    #[error("{0} holds no certificate; it must hold the server's own, then those that it was signed with")]
    NoCertificate(PathBuf),
    /// Key and certificate are of no use together.
    #[error("the certificate in {0} and the key in {1} cannot be used: {2}")]
    Unusable(PathBuf, PathBuf, #[source] rustls::Error),
}

/// A server's certificate and key. Speaks TLS 1.2 and 1.3.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// Reads a PEM file with the certificate chain, the server's own first, and one with its private key.
    ///
    /// # Errors
    /// [`TlsError`], which names the file and what is wrong with it.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |error| TlsError::Unreadable(path, error)
        };
        let chain = CertificateDer::pem_file_iter(certificate).map_err(unreadable(certificate))?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(unreadable(certificate))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(certificate.to_owned()));
        }
        // Whoever owns the file may let a group read it, like `ssl-cert` of Debian.
        if let Some(mode) = std::fs::metadata(key).ok().map(|metadata| metadata.mode()).filter(|mode| mode & 0o007 != 0)
        {
            return Err(TlsError::ReadableByOthers(key.to_owned(), mode & 0o777));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(unreadable(key))?;
        let unusable = |error| TlsError::Unusable(certificate.to_owned(), key.to_owned(), error);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.0.accept(stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls(…)")
    }
}
