//! Another client, russh, with just as much around it as the figures need: what it would give behind the same trait.

use std::borrow::Cow;
use std::sync::Arc;

use russh::client::{self, Handle, Handler};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, Preferred, cipher};
use tokio::io::AsyncWriteExt;
use vmm_core::ExposeSecret;
use vmm_core::model::HostKey;
use vmm_core::remote::{Credential, Endpoint, Login};

/// One message of a file, in bytes: what OpenSSH takes at once.
const CHUNK: usize = 32 << 10;

struct Expecting(HostKey);

impl Handler for Expecting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, given: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = given else { return Ok(false) };
        Ok(key.to_openssh().is_ok_and(|text| self.0.to_string().starts_with(text.trim_end())))
    }
}

/// A session.
pub(super) struct Other(Handle<Expecting>);

impl Other {
    /// Connects and logs in with a key.
    pub(super) async fn connect(endpoint: &Endpoint, login: &Login, aes: bool) -> Self {
        let cipher = if aes { cipher::AES_256_GCM } else { cipher::CHACHA20_POLY1305 };
        let preferred = Preferred { cipher: Cow::Owned(vec![cipher]), ..Preferred::default() };
        let config = Arc::new(client::Config { preferred, nodelay: true, ..client::Config::default() });
        let expecting = Expecting(endpoint.host_key.clone());
        let mut session = client::connect(config, endpoint.address, expecting).await.expect("a session");
        let Credential::PrivateKey(pem) = &login.credential else { panic!("a key opens the hosts") };
        let key = PrivateKey::from_openssh(pem.expose_secret()).expect("a key");
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        let answer = session.authenticate_publickey(&login.user, key).await.expect("an answer");
        assert!(answer.success(), "the key opens it");
        Self(session)
    }

    /// Runs a command to its end.
    pub(super) async fn run(&self, command: &str) {
        self.exchange(command, None, None).await;
    }

    /// Writes a file on this computer into a file there, without a check and without any order to put it in place.
    pub(super) async fn send(&self, local: &str, there: &str) {
        let source = tokio::fs::File::open(local).await.expect("a file of our own");
        self.exchange(&format!("cat >'{there}'"), Some(source), None).await;
    }

    /// The other way.
    pub(super) async fn receive(&self, there: &str, local: &str) {
        let target = tokio::fs::File::create(local).await.expect("a file of our own");
        self.exchange(&format!("cat '{there}'"), None, Some(target)).await;
    }

    async fn exchange(&self, command: &str, input: Option<tokio::fs::File>, mut output: Option<tokio::fs::File>) {
        let (mut read, write) = self.0.channel_open_session().await.expect("a channel").split();
        write.exec(true, command).await.expect("it is sent");
        let writing = async {
            if let Some(input) = input {
                write.data(tokio::io::BufReader::with_capacity(CHUNK, input)).await.expect("it is sent");
            }
            write.eof().await.expect("it is sent");
        };
        let reading = async {
            let mut code = None;
            while let Some(message) = read.wait().await {
                match (message, &mut output) {
                    (ChannelMsg::Data { data }, Some(file)) => file.write_all(&data).await.expect("room for it"),
                    (ChannelMsg::ExitStatus { exit_status }, _) => code = Some(exit_status),
                    _ => {}
                }
            }
            assert_eq!(code, Some(0), "{command}");
        };
        tokio::join!(writing, reading);
        if let Some(mut file) = output {
            file.flush().await.expect("room for it");
        }
    }
}
