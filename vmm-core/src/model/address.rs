//! Addresses of machines.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::text::quoted;

/// The hardware address of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// A locally administered unicast address (IEEE 802 §8.4.2) made of 40 given bits.
    pub fn local(bits: [u8; 5]) -> Self {
        let [b, c, d, e, f] = bits;
        Self([0x52, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("mac", format!("{} is not six hexadecimal pairs joined by colons", quoted(text)));
        let mut bytes = [0; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_reads_what_it_writes() {
        let mac = MacAddress::local([1, 2, 0xab, 4, 5]);
        assert_eq!(mac.to_string(), "52:01:02:ab:04:05");
        assert_eq!(mac.to_string().parse::<MacAddress>().expect("its own text"), mac);
        for bad in ["", "52:01", "52:01:02:ab:04:05:06", "52:01:02:ab:04:0g", "5:01:02:ab:04:05"] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
        }
    }
}
