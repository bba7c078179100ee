//! A connection that speaks SSH.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use russh::keys::PublicKey;
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, ChannelOpenFailure};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::command::{self, Work};
use super::wire::Wire;
use super::{Behaviour, Evil, Guest, SshGuest};

/// Between the wire and the protocol, in bytes.
const BUFFER: usize = 64 << 10;
/// When a connection breaks, in bytes.
const BREAK: usize = 256 << 10;

pub(super) async fn serve(socket: TcpStream, guest: Arc<Guest>) {
    let stays = matches!(guest.behaviour, Behaviour::Evil(Evil::SilentInTransfer));
    let breaks = stays || matches!(guest.behaviour, Behaviour::Evil(Evil::DisconnectInTransfer));
    let left = AtomicUsize::new(if breaks { BREAK } else { usize::MAX });
    let wire = Arc::new(Wire { latency: guest.latency, left, stays, half_close: Notify::new() });
    let (outside, inside) = tokio::io::duplex(BUFFER);
    let config = Arc::clone(&guest.config);
    let connection = Connection { guest, wire: Arc::clone(&wire), channels: HashMap::new() };
    let talk = async {
        if let Ok(session) = run_stream(config, inside, connection).await {
            let _ = session.await;
        }
    };
    tokio::join!(wire.carry(socket, outside), talk);
}

struct Connection {
    guest: Arc<Guest>,
    wire: Arc<Wire>,
    /// Those that have no command yet.
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl Connection {
    fn judge(&self, right: bool) -> Auth {
        self.guest.tally.send_modify(|seen| seen.login_questions += 1);
        if right { Auth::Accept } else { Auth::reject() }
    }

    fn is_user(&self, user: &str, key: &PublicKey) -> bool {
        user == SshGuest::USER && key.key_data() == self.guest.user_key.key_data()
    }

    fn start(&mut self, id: ChannelId, work: Work, session: &mut Session) -> Result<(), russh::Error> {
        self.guest.tally.send_modify(|seen| seen.commands.push(work.to_string()));
        match self.channels.remove(&id) {
            Some(channel) if command::is_possible(&work, &self.guest.behaviour) => {
                session.channel_success(id)?;
                let (behaviour, wire) = (self.guest.behaviour.clone(), Arc::clone(&self.wire));
                tokio::spawn(command::run(channel, session.handle(), work, behaviour, wire));
                Ok(())
            }
            _ => session.channel_failure(id),
        }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_none(&mut self, _user: &str) -> Result<Auth, russh::Error> {
        Ok(self.judge(false))
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, russh::Error> {
        self.guest.tally.send_modify(|seen| {
            seen.login_attempts += 1;
            seen.password_bytes += password.len();
        });
        Ok(self.judge(user == SshGuest::USER && password == self.guest.password.expose_secret()))
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, russh::Error> {
        Ok(self.judge(self.is_user(user, offer.public_key)))
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        self.guest.tally.send_modify(|seen| seen.login_attempts += 1);
        Ok(self.judge(self.is_user(user, key.public_key)))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), russh::Error> {
        if let Behaviour::Evil(Evil::RefusesChannels) = self.guest.behaviour {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        } else {
            self.channels.insert(channel.id(), channel);
            reply.accept().await;
        }
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        self.start(id, Work::Command(String::from_utf8_lossy(line).into_owned()), session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        self.start(id, Work::Subsystem(name.to_owned()), session)
    }
}
