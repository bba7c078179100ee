//! The desk's one secret, and everything that follows from it.
//!
//! There are two roots. What is sealed, is sealed under keys that follow from the master key. Keys and passwords of
//! machines follow from the machines' secret, 32 random bytes that stand in the database, sealed: they are derived and
//! never stored, so a stolen database holds none of them, and a seed made again after a crash is the same to the byte.
//! The machines' secret never changes, since the machines hold what follows from it; the master key may.

mod master_key;
mod rotation;
mod seal;

use std::fmt;

use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha_crypt::{PasswordHasher, ShaCrypt};
use sha2::Sha256;
use ssh_key::LineEnding;
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;
use uuid::Uuid;
use zeroize::Zeroizing;

pub use self::master_key::MasterKey;
use crate::error::{Error, Result};
use crate::mac::mac;
use crate::model::{AuditKey, DeskId, Fingerprint, HostKey, Sealed, UserId};
use crate::repository::Repository;

/// 32 characters that nobody mistakes for one another: 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// 100 bits.
const PASSWORD_LENGTH: usize = 20;
/// In base64 the longest salt that sha512-crypt takes, 16 characters.
const SALT_BYTES: usize = 12;

/// The purpose for which the password of a script's login is sealed.
pub(crate) const SCRIPT_LOGIN: &str = "script login";

/// The purpose for which the secrets of second factors are sealed.
pub(crate) const SECOND_FACTOR: &str = "second factor";

/// The purpose for which the machines' secret is sealed.
const MACHINES: &str = "machines";
/// The reason for refusing a key that does not open the database's secrets.
const NOT_ITS_KEY: &str = "is not the key of this database; restore the one that belongs to it from its backup";
/// The root of all secrets of machines: 32 random bytes.
type MachinesSecret = Zeroizing<[u8; 32]>;

/// The secrets of one desk, each by HKDF-SHA256 (RFC 5869) from one of its two roots with the desk's id as salt.
pub(crate) struct Secrets {
    desk: DeskId,
    /// From the master key: what seals.
    sealing: Hkdf<Sha256>,
    machines_secret: MachinesSecret,
    /// From the machines' secret: what machines have.
    machines: Hkdf<Sha256>,
}

/// An SSH key pair. `Debug` shows the public half.
#[derive(Clone, Debug)]
pub(crate) struct HostKeyPair {
    /// The public half.
    pub(crate) public: HostKey,
    /// The private half as an OpenSSH file without a passphrase.
    pub(crate) private_openssh_pem: SecretString,
}

impl Secrets {
    /// The secrets of this desk. A new desk gets its machines' secret here.
    ///
    /// # Errors
    /// `Invalid` if the master key is not the desk's.
    pub(crate) async fn open(key: &MasterKey, repository: &dyn Repository) -> Result<Self> {
        let (keys, desk) = (repository.keys(), repository.desk());
        let kept = match keys.machines_secret().await? {
            Some(kept) => kept,
            None => {
                let mut new = MachinesSecret::default();
                getrandom::fill(&mut *new).map_err(|error| Error::internal("reading random bytes", error))?;
                keys.keep_machines_secret(Self::new(key, &new, desk).sealed_machines_secret()?).await?
            }
        };
        let secrets = Self::unsealed(key, desk, &kept).ok_or_else(|| Error::invalid("master_key", NOT_ITS_KEY))?;
        repository.audit().use_key(secrets.audit_key()).await?;
        Ok(secrets)
    }

    pub(crate) fn new(key: &MasterKey, machines_secret: &[u8; 32], desk: DeskId) -> Self {
        let root = |secret| Hkdf::new(Some(desk.0.as_bytes()), secret);
        let (sealing, machines) = (root(key.bytes().as_slice()), root(machines_secret.as_slice()));
        Self { desk, sealing, machines_secret: Zeroizing::new(*machines_secret), machines }
    }

    /// The secrets of a desk whose machines' secret was sealed with this key; `None` if it was with another one.
    fn unsealed(key: &MasterKey, desk: DeskId, kept: &Sealed) -> Option<Self> {
        let sealing = Self::new(key, &[0; 32], desk);
        let bytes = sealing.unseal_bytes(MACHINES, desk.0, kept)?;
        Some(Self::new(key, bytes.as_slice().try_into().ok()?, desk))
    }

    /// Returns these secrets under another master key.
    fn under(&self, key: &MasterKey) -> Self {
        Self::new(key, &self.machines_secret, self.desk)
    }

    fn sealed_machines_secret(&self) -> Result<Sealed> {
        self.seal_bytes(MACHINES, self.desk.0, &*self.machines_secret)
    }

    /// The key of the audit log's chain. It follows from what stays when the master key changes, so the chain goes on.
    fn audit_key(&self) -> AuditKey {
        AuditKey::new(*derive::<32>(&self.machines, "audit chain", self.desk.0))
    }

    /// Returns the fingerprint under which the desk stores a call that may be repeated.
    pub(crate) fn fingerprint(&self, call: Fingerprint) -> Fingerprint {
        let key = derive::<32>(&self.machines, "fingerprints of calls", self.desk.0);
        Fingerprint(mac(&key, &[&call.0]))
    }

    /// The key that a machine's SSH server proves itself with.
    pub(crate) fn host_key(&self, uuid: Uuid) -> Result<HostKeyPair> {
        self.key_pair("host key", uuid)
    }

    /// The key with which vmm asks a machine whether cloud-init is done. It is good for nothing else.
    pub(crate) fn readiness_key(&self, uuid: Uuid) -> Result<HostKeyPair> {
        self.key_pair("readiness key", uuid)
    }

    /// The password of the user that cloud-init makes.
    pub(crate) fn login_password(&self, uuid: Uuid) -> SecretString {
        let material = derive::<PASSWORD_LENGTH>(&self.machines, "login password", uuid);
        // 32 divides 256, so every character is as likely as any other.
        let text = material.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        SecretString::from(Zeroizing::new(text.collect::<String>()).as_str())
    }

    /// That password as sha512-crypt (`$6$…`), for `/etc/shadow`.
    pub(crate) fn password_crypt(&self, uuid: Uuid) -> Result<SecretString> {
        let salt = derive::<SALT_BYTES>(&self.machines, "password salt", uuid);
        ShaCrypt::SHA512
            .hash_password_with_salt(self.login_password(uuid).expose_secret().as_bytes(), &*salt)
            .map(|hash| SecretString::from(hash.as_str()))
            .map_err(|error| Error::internal("hashing a machine's password", error))
    }

    fn key_pair(&self, purpose: &str, uuid: Uuid) -> Result<HostKeyPair> {
        let failed = |error| Error::internal("deriving an SSH key", error);
        let seed = derive::<32>(&self.machines, purpose, uuid);
        let private = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
        let public = HostKey::from_wire(&private.public_key().to_bytes().map_err(failed)?)?;
        let pem = private.to_openssh(LineEnding::LF).map_err(failed)?;
        Ok(HostKeyPair { public, private_openssh_pem: SecretString::from(pem.as_str()) })
    }
}

/// Returns the place for which a secret of an account is sealed.
pub(crate) fn place_of(user: UserId) -> Uuid {
    Uuid::from_u128(u128::from(user.0.unsigned_abs()))
}

/// Key material for one purpose and one domain.
fn derive<const N: usize>(root: &Hkdf<Sha256>, purpose: &str, uuid: Uuid) -> Zeroizing<[u8; N]> {
    let mut material = Zeroizing::new([0; N]);
    root.expand_multi_info(&[b"vmm 1 ", purpose.as_bytes(), b"\0", uuid.as_bytes()], material.as_mut_slice())
        .expect("at most 32 bytes are asked for, and HKDF-SHA256 gives up to 8160");
    material
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    const VM: Uuid = Uuid::from_u128(7);

    fn secrets(machines: u8, desk: u128) -> Secrets {
        Secrets::new(&MasterKey::from_bytes([0; 32]), &[machines; 32], DeskId(Uuid::from_u128(desk)))
    }

    /// Everything that is derived for a machine.
    fn all(secrets: &Secrets, uuid: Uuid) -> Vec<String> {
        let pem = |pair: HostKeyPair| pair.private_openssh_pem.expose_secret().to_owned();
        vec![
            pem(secrets.host_key(uuid).expect("a key")),
            pem(secrets.readiness_key(uuid).expect("a key")),
            secrets.login_password(uuid).expose_secret().to_owned(),
            secrets.password_crypt(uuid).expect("a hash").expose_secret().to_owned(),
        ]
    }

    #[test]
    fn the_same_desk_key_and_machine_give_the_same_bytes_again() {
        assert_eq!(all(&secrets(1, 2), VM), all(&secrets(1, 2), VM));
        // A fixed point: another value would lock vmm out of the machines that exist.
        assert_eq!(all(&secrets(1, 2), VM)[2], "2v8trutntziqh8bf5v97");
        assert_eq!(
            secrets(1, 2).host_key(VM).expect("a key").public.fingerprint(),
            "SHA256:Qj9PJGSfaCdNhilLCMP5ylyfOzm8ddE6YPFH9eB04wk"
        );
    }

    #[test]
    fn another_master_key_leaves_what_machines_have() {
        let under = secrets(1, 2).under(&MasterKey::from_bytes([9; 32]));
        assert_eq!(all(&under, VM), all(&secrets(1, 2), VM));
        let kept = under.sealed_machines_secret().expect("sealed");
        let desk = DeskId(Uuid::from_u128(2));
        let again = Secrets::unsealed(&MasterKey::from_bytes([9; 32]), desk, &kept).expect("its key");
        assert_eq!(all(&again, VM), all(&under, VM));
        assert!(Secrets::unsealed(&MasterKey::from_bytes([8; 32]), desk, &kept).is_none());
        assert!(Secrets::unsealed(&MasterKey::from_bytes([9; 32]), DeskId(VM), &kept).is_none());
    }

    #[test]
    fn nothing_is_shared_between_purposes_machines_desks_and_secrets() {
        let sets = [
            all(&secrets(1, 2), VM),
            all(&secrets(1, 2), Uuid::nil()),
            all(&secrets(1, 3), VM),
            all(&secrets(9, 2), VM),
        ];
        let mut values = sets.concat();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), 16);
    }

    #[test]
    fn a_password_has_a_hundred_bits_and_no_look_alikes() {
        let password = secrets(1, 2).login_password(VM);
        let bits = (ALPHABET.len() as f64).log2() * password.expose_secret().len() as f64;
        assert!(bits >= 100.0 && !password.expose_secret().contains(['0', 'o', '1', 'l', 'O', 'I']));
    }

    #[test]
    fn a_key_pair_fits_together() {
        let pair = secrets(1, 2).host_key(VM).expect("a key");
        let private = PrivateKey::from_openssh(pair.private_openssh_pem.expose_secret()).expect("an OpenSSH file");
        let public = private.public_key().to_openssh().expect("an encodable key");
        assert_eq!(public.parse::<HostKey>().expect("a key"), pair.public);
    }

    #[test]
    fn openssl_makes_the_same_hash_of_the_password() {
        let secrets = secrets(1, 2);
        let hash = secrets.password_crypt(VM).expect("a hash");
        let (rounds, salt) = hash.expose_secret().trim_start_matches("$6$").split_once('$').expect("rounds and salt");
        let salt = format!("{rounds}${}", salt.split('$').next().expect("a salt"));
        let mut openssl = Command::new("openssl")
            .args(["passwd", "-6", "-salt", &salt, "-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test compares with the program `openssl`, which is not installed");
        let mut stdin = openssl.stdin.take().expect("a pipe");
        writeln!(stdin, "{}", secrets.login_password(VM).expose_secret()).expect("openssl reads");
        drop(stdin);
        let output = openssl.wait_with_output().expect("openssl ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), hash.expose_secret());
    }

    #[test]
    fn debug_shows_no_secret() {
        let (key, secrets) = (MasterKey::from_bytes([0xab; 32]), secrets(1, 2));
        let shown = format!("{key:?} {secrets:?} {:?}", secrets.host_key(VM).expect("a key"));
        assert!(!shown.contains("ab, ab") && !shown.contains("171") && !shown.contains("PRIVATE"), "{shown}");
    }
}
