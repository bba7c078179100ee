//! Sizes and whole numbers as people and spreadsheets write them.

use super::table::is_blank;
use crate::text::quoted;

/// The unit of a size. Sizes of machines are binary: MB and MiB are one unit, as everywhere in vmm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// 2^20 bytes.
    Mib,
    /// 2^30 bytes.
    Gib,
    /// 2^40 bytes.
    Tib,
}

impl Unit {
    /// Reads `MiB`, `MB`, `Mi` or `M` and likewise for G and T, in any case.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut letters = text.chars().map(|c| c.to_ascii_lowercase());
        let unit = match letters.next()? {
            'm' => Self::Mib,
            'g' => Self::Gib,
            't' => Self::Tib,
            _ => return None,
        };
        matches!(letters.collect::<String>().as_str(), "" | "b" | "i" | "ib").then_some(unit)
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mib => "MiB",
            Self::Gib => "GiB",
            Self::Tib => "TiB",
        }
    }

    fn mib(self) -> u64 {
        match self {
            Self::Mib => 1,
            Self::Gib => 1 << 10,
            Self::Tib => 1 << 20,
        }
    }
}

/// Reads one size, like `2048`, `2 GB`, `1.5GiB` or `20.0`, in whole units of `into`. A number without a unit is in
/// `bare`.
///
/// # Errors
/// What is wrong, and what to write.
pub(super) fn size(text: &str, bare: Unit, into: Unit) -> Result<u64, String> {
    let end = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..end].trim_matches(is_blank), text[end..].trim_matches(is_blank));
    let unit = match unit {
        "" => bare,
        _ if number.is_empty() => {
            return Err(format!("{} is not a size; write a number like 2048 or 20 GiB", quoted(text)));
        }
        word => Unit::read(word)
            .ok_or_else(|| format!("{} is not a unit of size; write MiB, GiB or TiB, like 20 GiB", quoted(word)))?,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if number.is_empty() || !digits(whole) || !fraction.bytes().all(|c| c.is_ascii_digit()) {
        return Err(not_a_number(text, number));
    }
    let fraction = fraction.trim_end_matches('0');
    if whole.len() > 12 || fraction.len() > 6 || (whole.len() > 1 && whole.starts_with('0')) {
        return Err(not_a_number(text, number));
    }
    // At most twelve and six digits, so that nothing here overflows.
    let scale = 10_u128.pow(fraction.len() as u32);
    let digits: u128 = format!("{whole}{fraction}").parse().map_err(|_| not_a_number(text, number))?;
    let (amount, step) = (digits * u128::from(unit.mib()), scale * u128::from(into.mib()));
    if amount % step != 0 {
        let hint =
            thousands(number).map(|joined| format!("; if it means {joined}, write {joined}")).unwrap_or_default();
        return Err(format!("{} is not a whole number of {}{hint}", quoted(text), into.name()));
    }
    u64::try_from(amount / step).map_err(|_| not_a_number(text, number))
}

/// Reads a list of sizes in whole GiB, `20;100` (also with `,`, `+` or blanks between), the system disk first. A number
/// without a unit is in `bare`.
///
/// # Errors
/// What is wrong, and what to write.
pub(super) fn sizes(text: &str, bare: Unit) -> Result<Vec<u64>, String> {
    if let Some(joined) = thousands(text).filter(|_| text.contains([',', ' ']) && zero_leads(text)) {
        return Err(written_with_thousands(text, &joined));
    }
    let mut found = Vec::new();
    for part in text.split([';', ',', '+']) {
        let mut words: Vec<String> = Vec::new();
        for word in part.split(is_blank).filter(|word| !word.is_empty()) {
            // A unit belongs to the number before it.
            match words.last_mut() {
                Some(last) if word.chars().all(char::is_alphabetic) && last.ends_with(|c: char| c.is_ascii_digit()) => {
                    last.push_str(word);
                }
                _ => words.push(word.to_owned()),
            }
        }
        for word in words {
            match size(&word, bare, Unit::Gib)? {
                0 => return Err(format!("{} is not the size of a disk; write 1 GiB or more", quoted(&word))),
                size => found.push(size),
            }
        }
    }
    Ok(found)
}

/// Reads a whole number from 1 to `most`, as a spreadsheet may write it: `2`, or `2.0`.
///
/// # Errors
/// What is wrong, and what to write.
pub(super) fn number(text: &str, most: u32) -> Result<u32, String> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let exact = fraction.len() <= 2 && fraction.bytes().all(|c| c == b'0');
    let number = Some(whole).filter(|whole| exact && digits(whole)).and_then(|whole| whole.parse().ok());
    number.filter(|number| (1..=most).contains(number)).ok_or_else(|| match thousands(text) {
        Some(joined) => written_with_thousands(text, &joined),
        None => format!("{} is not a whole number from 1 to {most}", quoted(text)),
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit())
}

fn not_a_number(text: &str, number: &str) -> String {
    match thousands(number) {
        Some(joined) => written_with_thousands(text, &joined),
        None => format!(
            "{} is not a size; write a number like 2048 or 20 GiB, with a point before a fraction",
            quoted(text)
        ),
    }
}

fn written_with_thousands(text: &str, joined: &str) -> String {
    format!("{} can be read in two ways; write {joined} without a separator of thousands", quoted(text))
}

/// The digits of a number that is grouped by thousands, like `2,048`, `2 048` or `2.048`.
fn thousands(text: &str) -> Option<String> {
    let mut groups = text.split(|c: char| matches!(c, ',' | '.' | '\'' | '’') || c.is_whitespace());
    let first = groups.next().filter(|first| digits(first) && first.len() <= 3)?;
    let rest: Vec<_> = groups.collect();
    let grouped = !rest.is_empty() && rest.iter().all(|group| digits(group) && group.len() == 3);
    grouped.then(|| format!("{first}{}", rest.concat()))
}

/// Returns whether a group behind the first one begins with a zero, as no size does.
fn zero_leads(text: &str) -> bool {
    text.split([',', ' ']).skip(1).any(|group| group.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reader_understands_every_unit_with_and_without_a_space() {
        for (text, mib) in [
            ("2048", 2048),
            ("2048.0", 2048),
            ("2048MB", 2048),
            ("512 MiB", 512),
            ("2G", 2048),
            ("2 GB", 2048),
            ("2gib", 2048),
            ("2\u{a0}Gi", 2048),
            ("1.5GiB", 1536),
            ("0.5 TB", 512 << 10),
            ("1T", 1 << 20),
        ] {
            assert_eq!(size(text, Unit::Mib, Unit::Mib), Ok(mib), "{text}");
        }
        assert_eq!(size("2", Unit::Gib, Unit::Mib), Ok(2048));
        for wrong in
            ["", "GiB", "-1", "2XB", "2 apples", "1.5", "1e3", "2KB", "99999999999999", "0x20", "1,5", "2..0", "٣"]
        {
            assert!(size(wrong, Unit::Mib, Unit::Mib).is_err(), "{wrong}");
        }
    }

    #[test]
    fn disks_are_whole_gib_in_a_list() {
        for (text, gib) in [
            ("20;100", vec![20, 100]),
            ("20 100", vec![20, 100]),
            ("20+100", vec![20, 100]),
            ("20, 100", vec![20, 100]),
            ("20 GiB", vec![20]),
            ("20;100 GiB", vec![20, 100]),
            ("20 GB 1 TB", vec![20, 1024]),
            ("20480MB", vec![20]),
            ("20.0;100.0", vec![20, 100]),
            (" ; ", vec![]),
        ] {
            assert_eq!(sizes(text, Unit::Gib), Ok(gib), "{text}");
        }
        for wrong in ["0", "20;x", "1.5", "-3", "500MB", "GiB", "2,048", "1 024", "1.024"] {
            assert!(sizes(wrong, Unit::Gib).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_separator_of_thousands_is_told_with_what_to_write() {
        for text in ["2,048", "2 048", "2.048", "2\u{a0}048", "2'048"] {
            let told = size(text, Unit::Mib, Unit::Mib).expect_err("it is ambiguous");
            assert!(told.contains("write 2048"), "{told}");
        }
        assert!(number("1,000", 5000).expect_err("it is ambiguous").contains("write 1000"));
        assert!(sizes("2,048", Unit::Gib).expect_err("it is ambiguous").contains("write 2048"));
    }

    #[test]
    fn a_whole_number_may_have_a_fraction_of_zero() {
        for (text, value) in [("2", 2), ("2.0", 2), ("2.00", 2), ("2,0", 2), ("300", 300)] {
            assert_eq!(number(text, 300), Ok(value), "{text}");
        }
        for wrong in ["0", "301", "2.5", "2.000", "-1", "+2", "1e2", "", "two", "2 "] {
            assert!(number(wrong, 300).is_err(), "{wrong}");
        }
    }
}
