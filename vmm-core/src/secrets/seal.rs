//! Secrets that must be stored, sealed so that the database alone does not give them away.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Secrets, derive};
use crate::error::{Error, Result};
use crate::model::Sealed;

/// The first byte of what is sealed like this: XChaCha20-Poly1305, a nonce of 24 bytes, the ciphertext.
const VERSION: u8 = 1;
const NONCE: usize = 24;

impl Secrets {
    /// Seals a secret for one purpose and one row. Nothing else opens it: neither another row nor another purpose.
    pub(crate) fn seal(&self, purpose: &str, row: Uuid, secret: &SecretString) -> Result<Sealed> {
        self.seal_bytes(purpose, row, secret.expose_secret().as_bytes())
    }

    /// Opens a secret that was sealed for this purpose and row; `None` if it was not, or with another master key.
    pub(crate) fn unseal(&self, purpose: &str, row: Uuid, sealed: &Sealed) -> Option<SecretString> {
        std::str::from_utf8(&self.unseal_bytes(purpose, row, sealed)?).ok().map(SecretString::from)
    }

    pub(super) fn seal_bytes(&self, purpose: &str, row: Uuid, msg: &[u8]) -> Result<Sealed> {
        seal(&self.sealing, purpose, row, msg)
    }

    pub(super) fn unseal_bytes(&self, purpose: &str, row: Uuid, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        unseal(&self.sealing, purpose, row, sealed)
    }

    /// Seals what people tell a bot and what it is to tell them, for one purpose and one place. Another master key
    /// opens it too: it is sealed under a key that follows from what the machines have.
    pub(crate) fn seal_mail(&self, purpose: &str, place: Uuid, mail: &[u8]) -> Result<Sealed> {
        seal(&self.machines, purpose, place, mail)
    }

    /// Opens mail that [`seal_mail`](Self::seal_mail) sealed for this purpose and place; `None` if it did not.
    pub(crate) fn unseal_mail(&self, purpose: &str, place: Uuid, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        unseal(&self.machines, purpose, place, sealed)
    }
}

fn seal(root: &Hkdf<Sha256>, purpose: &str, row: Uuid, msg: &[u8]) -> Result<Sealed> {
    let mut nonce = [0; NONCE];
    getrandom::fill(&mut nonce).map_err(|error| Error::internal("reading random bytes", error))?;
    let place = place(purpose, row);
    let sealed = cipher(root, purpose).encrypt(&XNonce::from(nonce), Payload { msg, aad: &place });
    let sealed = sealed.map_err(|error| Error::internal("sealing a secret", error.to_string()))?;
    Ok(Sealed::new([&[VERSION][..], &nonce, &sealed].concat()))
}

fn unseal(root: &Hkdf<Sha256>, purpose: &str, row: Uuid, sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
    let (&VERSION, rest) = sealed.as_bytes().split_first()? else { return None };
    let (nonce, msg) = rest.split_first_chunk::<NONCE>()?;
    let opened = cipher(root, purpose).decrypt(&XNonce::from(*nonce), Payload { msg, aad: &place(purpose, row) });
    opened.ok().map(Zeroizing::new)
}

fn cipher(root: &Hkdf<Sha256>, purpose: &str) -> XChaCha20Poly1305 {
    let key = derive::<32>(root, &format!("sealing key for {purpose}"), Uuid::nil());
    XChaCha20Poly1305::new(&Key::from(*key))
}

fn place(purpose: &str, row: Uuid) -> Vec<u8> {
    [purpose.as_bytes(), b"\0", row.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;
    use crate::model::DeskId;

    const ROW: Uuid = Uuid::from_u128(7);

    fn secrets(key: u8) -> Secrets {
        Secrets::new(&MasterKey::from_bytes([key; 32]), &[0; 32], DeskId(Uuid::from_u128(2)))
    }

    #[test]
    fn what_is_sealed_opens_again_and_is_sealed_otherwise_each_time() {
        let secret = SecretString::from("s3cret ü");
        let [one, other] = [(); 2].map(|()| secrets(1).seal("test", ROW, &secret).expect("sealed"));
        assert_ne!(one, other);
        assert!(!one.as_bytes().windows(6).any(|window| window == b"s3cret"));
        for sealed in [one, other] {
            let opened = secrets(1).unseal("test", ROW, &sealed).expect("it opens");
            assert_eq!(opened.expose_secret(), secret.expose_secret());
        }
    }

    #[test]
    fn nothing_opens_with_another_key_purpose_or_row_or_when_one_bit_differs() {
        let sealed = secrets(1).seal("test", ROW, &SecretString::from("s3cret")).expect("sealed");
        assert!(secrets(9).unseal("test", ROW, &sealed).is_none());
        assert!(secrets(1).unseal("other", ROW, &sealed).is_none());
        assert!(secrets(1).unseal("test", Uuid::nil(), &sealed).is_none());
        for index in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[index] ^= 1;
            assert!(secrets(1).unseal("test", ROW, &Sealed::new(bytes)).is_none(), "byte {index}");
        }
        for short in 0..sealed.as_bytes().len() {
            assert!(secrets(1).unseal("test", ROW, &Sealed::new(&sealed.as_bytes()[..short])).is_none());
        }
    }
}
