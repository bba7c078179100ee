//! Quantities as people write them.

/// Reads an amount of memory: a bare number is MiB, otherwise `MiB` or `GiB` (also `M`, `G`). The result is MiB.
pub(super) fn memory(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is not an amount of memory; write 2048 (MiB), 2048MiB or 2GiB");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "m" | "mib" => 1,
        "g" | "gib" => 1024,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Reads a list of disk sizes in GiB, `20;100` (also with `,`, `+` or blanks between), the system disk first.
pub(super) fn disks(text: &str) -> Result<Vec<u32>, String> {
    text.split([';', ',', '+', ' '])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let lower = part.to_ascii_lowercase();
            let digits = lower.strip_suffix("gib").or_else(|| lower.strip_suffix('g')).unwrap_or(&lower);
            digits.parse().ok().filter(|size| *size > 0).ok_or_else(|| {
                format!("{part:?} is not a disk size; write GiB as whole numbers, the system disk first, like 20;100")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_mib_unless_it_says_gib() {
        for (text, mib) in [("2048", 2048), ("2GiB", 2048), ("512 MiB", 512), ("1g", 1024)] {
            assert_eq!(memory(text), Ok(mib), "{text}");
        }
        for wrong in ["", "GiB", "2TB", "-1", "1.5GiB", "2GB", "99999999999", "4194304GiB"] {
            assert!(memory(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn disks_are_whole_gib() {
        assert_eq!(disks("20;100"), Ok(vec![20, 100]));
        assert_eq!(disks("20 GiB".replace(' ', "").as_str()), Ok(vec![20]));
        for wrong in ["0", "20;x", "1.5", "-3"] {
            assert!(disks(wrong).is_err(), "{wrong}");
        }
    }
}
