//! TLS by certificate files.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use vmm_http::Tls;

use crate::program::{Place, terminate};

fn trusting(certificate: CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[tokio::test]
async fn with_a_certificate_the_server_speaks_tls_alone() {
    let place = Place::new();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (place.file("tls.crt"), place.file("tls.key"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.run(&["init"], "").await;
    let settings = [("VMM_TLS_CERTIFICATE", certificate.as_path()), ("VMM_TLS_KEY", key.as_path())];
    let (mut child, address) = place.serve_with(&settings).await;
    let address = address.strip_prefix("https://").unwrap();

    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = trusting(made.cert.der().clone()).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nstrict-transport-security: max-age=31536000\r\n"), "{answer}");

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    terminate(&child).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        path
    };
    let make = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (one, other) = (make(), make());
    let (certificate, key) = (file("c", &one.cert.pem()), file("k", &one.signing_key.serialize_pem()));
    let foreign = file("f", &other.signing_key.serialize_pem());
    Tls::from_files(&certificate, &key).unwrap();
    for (certificate, key, part) in [
        (&folder.path().join("absent"), &key, "absent cannot be read"),
        (&file("empty", ""), &key, "holds no certificate"),
        (&certificate, &file("none", "text"), "none cannot be read"),
        (&certificate, &foreign, "cannot be used"),
    ] {
        let error = Tls::from_files(certificate, key).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = Tls::from_files(&certificate, &key).unwrap_err().to_string();
    assert!(error.contains("mode 644") && error.contains(&format!("chmod 600 {}", key.display())), "{error}");
}
