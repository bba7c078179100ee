//! The answers of one fake machine to logins and commands.

use secrecy::ExposeSecret;
use vmm_core::remote::{Command, Credential, Endpoint, Login};
use vmm_core::{Error, Result};

use super::{Answer, Call, Machine};

impl Machine {
    /// Returns whether the machine hears a command at all.
    pub(super) fn decide(
        &self,
        endpoint: &Endpoint,
        login: &Login,
        command: &Command,
        call: &mut Call,
    ) -> Result<bool> {
        if self.silent {
            return Ok(false);
        }
        let machine = endpoint.address.to_string();
        if self.host_key != endpoint.host_key {
            let (expected, seen) = (endpoint.host_key.fingerprint(), self.host_key.fingerprint());
            return Err(Error::HostKeyChanged { machine, expected, seen });
        }
        call.proof_sent = true;
        if self.refuses || !self.login.as_ref().is_none_or(|accepted| same(accepted, login)) {
            return Err(Error::LoginRefused { machine, user: login.user.clone() });
        }
        call.line = Some(command.line.clone());
        call.input.clone_from(&command.input);
        Ok(true)
    }

    /// Returns the answer to a command.
    pub(super) fn answer(&self, command: &Command) -> Answer {
        let unknown = || Answer::code(127).with_stderr("sh: not found\n");
        let mut answer = self.rules.iter().rev().find_map(|rule| rule(&command.line)).unwrap_or_else(unknown);
        if let Some(mark) = script_mark(&command.line)
            && !answer.instead
        {
            answer.stderr.splice(..0, format!("{mark}-begun\n").into_bytes());
        }
        if answer.copies { Answer { stdout: command.input.clone(), ..answer } } else { answer }
    }
}

/// The mark that the command which brings a script to a machine writes when the script begins.
fn script_mark(line: &str) -> Option<&str> {
    let (_, words) = line.strip_prefix("exec sh -c '")?.rsplit_once("' sh 'vmm-")?;
    let length = words.find('\'')?;
    let start = line.len() - words.len();
    line.get(start - "vmm-".len()..start + length)
}

fn same(one: &Login, other: &Login) -> bool {
    let proof = |login: &Login| match &login.credential {
        Credential::Password(secret) => ("password", secret.expose_secret().to_owned()),
        Credential::PrivateKey(secret) => ("key", secret.expose_secret().to_owned()),
        Credential::Agent(socket) => ("agent", socket.display().to_string()),
        _ => ("unknown", String::new()),
    };
    one.user == other.user && proof(one) == proof(other)
}
