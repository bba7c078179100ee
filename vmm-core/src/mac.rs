//! Hashes that nobody can work out, or check a guess with, who has not the key.

use hkdf::Hkdf;
use sha2::Sha256;

/// HMAC-SHA256 (RFC 2104) over these parts, each with its length, so that parts do not run into one another.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut message = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend(*part);
    }
    hmac(key, &message)
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    // What HKDF extracts is the HMAC of its input under its salt.
    Hkdf::<Sha256>::extract(Some(key), message).0.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::hex;

    #[test]
    fn it_is_the_hmac_of_rfc_4231() {
        let hash = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(hash), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn parts_and_keys_do_not_run_into_one_another() {
        assert_ne!(mac(&[1; 32], &[b"ab", b"c"]), mac(&[1; 32], &[b"a", b"bc"]));
        assert_ne!(mac(&[1; 32], &[b"ab"]), mac(&[2; 32], &[b"ab"]));
    }
}
