//! One login, tried once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt};

use super::error::Cause;
use super::link::Link;
use crate::error::{Error, Result};
use crate::remote::{Credential, Login};

/// libssh2's codes for a proof that the server did not accept: authentication failed, public key unverified, password
/// expired.
const REFUSED: [i32; 3] = [-18, -19, -15];

/// OpenSSH's `MaxAuthTries` is six unless told otherwise.
const MOST_KEYS: usize = 5;

/// Refuses what cannot be a login, before anything is connected.
pub(super) fn check(login: &Login) -> Result<()> {
    if login.user.is_empty() || login.user.len() > 256 || login.user.contains('\0') {
        return Err(Error::invalid("user", "must be 1 to 256 bytes without a NUL character"));
    }
    match &login.credential {
        Credential::Password(password) if password.expose_secret().contains('\0') => {
            Err(Error::invalid("password", "must not contain a NUL character"))
        }
        Credential::Password(password) if password.expose_secret().len() > 1024 => {
            Err(Error::invalid("password", "must be at most 1024 bytes"))
        }
        Credential::Agent(socket) if socket.as_os_str().as_encoded_bytes().contains(&0) => {
            Err(Error::invalid("agent", "must be a path without a NUL character"))
        }
        Credential::Password(_) | Credential::Agent(_) => Ok(()),
        Credential::PrivateKey(pem) => match ssh_key::PrivateKey::from_openssh(pem.expose_secret()) {
            Ok(key) if key.is_encrypted() => Err(Error::invalid("private_key", "must be without a passphrase")),
            Ok(_) => Ok(()),
            Err(_) => Err(Error::invalid("private_key", "must be an OpenSSH private key in PEM form")),
        },
    }
}

/// Logs in.
pub(super) fn login(link: &Link, login: &Login) -> Result<(), Cause> {
    let outcome = match &login.credential {
        Credential::Password(password) => by_password(link, &login.user, password),
        Credential::PrivateKey(pem) => by_key(link, &login.user, pem),
        Credential::Agent(agent) => by_agent(link, &login.user, agent),
    };
    match outcome {
        Err(Cause::Ssh(error)) if refused(&error) => Err(Cause::LoginRefused),
        Ok(()) if !link.session().authenticated() => Err(Cause::LoginRefused),
        outcome => outcome,
    }
}

/// libssh2 has the same codes for a connection that broke while it waited for the verdict; only the text differs.
fn refused(error: &ssh2::Error) -> bool {
    matches!(error.code(), ErrorCode::Session(code) if REFUSED.contains(&code))
        && !error.message().starts_with("Waiting for")
}

fn by_key(link: &Link, user: &str, pem: &SecretString) -> Result<(), Cause> {
    // Not told the public key, libssh2 works it out and has OpenSSL try its decoders on a format that none of them
    // knows: as much work as the rest of a login.
    let public = ssh_key::PrivateKey::from_openssh(pem.expose_secret()).and_then(|key| key.public_key().to_openssh());
    let public = public.map_err(|_| Cause::Protocol("the private key cannot be read"))?;
    link.drive(|| link.session().userauth_pubkey_memory(user, Some(&public), pem.expose_secret(), None))
}

/// Offers the agent's keys one after the other, as many as a server usually hears out.
fn by_agent(link: &Link, user: &str, socket: &Path) -> Result<(), Cause> {
    const UNREACHABLE: Cause = Cause::Protocol("the SSH agent does not answer");
    let mut agent = link.session().agent()?;
    agent.set_identity_path(socket)?;
    agent.connect().map_err(|_| UNREACHABLE)?;
    agent.list_identities().map_err(|_| UNREACHABLE)?;
    for key in agent.identities()?.iter().take(MOST_KEYS) {
        match link.drive(|| agent.userauth(user, key)) {
            Err(Cause::Ssh(error)) if refused(&error) => {}
            outcome => return outcome,
        }
    }
    Err(Cause::LoginRefused)
}

fn by_password(link: &Link, user: &str, password: &SecretString) -> Result<(), Cause> {
    let offered = offered(link, user)?;
    let offers = |method| offered.split(',').any(|offer| offer == method);
    if link.session().authenticated() {
        Ok(())
    } else if offers("password") {
        link.drive(|| link.session().userauth_password(user, password.expose_secret()))
    } else if offers("keyboard-interactive") {
        let mut answer = OneAnswer(Some(password));
        link.drive(|| link.session().userauth_keyboard_interactive(user, &mut answer))
    } else {
        Err(Cause::LoginRefused)
    }
}

/// The methods that the server offers to this user.
fn offered(link: &Link, user: &str) -> Result<String, Cause> {
    link.drive(|| {
        // ssh2 panics on a list that is not UTF-8, and the server writes the list.
        let methods = AssertUnwindSafe(|| link.session().auth_methods(user).map(str::to_owned));
        catch_unwind(methods).unwrap_or_else(|_| Ok(String::new()))
    })
}

/// Gives the password to the first question whose answer is not shown, and nothing to any other: what follows may be
/// a demand for a new password.
struct OneAnswer<'a>(Option<&'a SecretString>);

impl KeyboardInteractivePrompt for OneAnswer<'_> {
    fn prompt<'p>(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'p>]) -> Vec<String> {
        let mut answer = |prompt: &Prompt<'p>| if prompt.echo { None } else { self.0.take() };
        prompts
            .iter()
            .map(|prompt| answer(prompt).map_or_else(String::new, |password| password.expose_secret().to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(echo: bool) -> Prompt<'static> {
        Prompt { text: "?".into(), echo }
    }

    #[test]
    fn the_password_answers_one_hidden_question_and_no_other() {
        let password = SecretString::from("secret");
        let mut answer = OneAnswer(Some(&password));
        assert_eq!(answer.prompt("", "", &[prompt(true), prompt(false), prompt(false)]), ["", "secret", ""]);
        assert_eq!(answer.prompt("", "", &[prompt(false)]), [""]);
    }

    #[test]
    fn a_key_that_cannot_be_one_is_refused_without_being_shown() {
        let login = Login { user: "u".into(), credential: Credential::PrivateKey(SecretString::from("not a key")) };
        let error = check(&login).expect_err("not a key").to_string();
        assert!(error.contains("private_key") && !error.contains("not a key"), "{error}");
    }
}
