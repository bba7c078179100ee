//! Which names an archive may hold.

use super::DEEPEST;

/// The longest path, in bytes. Linux takes 4096 with the directory that it is below.
const LONGEST: usize = 3_000;

/// A path below the directory, with nothing in it that leads elsewhere; empty for the directory itself.
pub(super) fn relative(path: &[u8]) -> Result<Vec<u8>, &'static str> {
    if path.first() == Some(&b'/') {
        return Err("is absolute");
    }
    if path.contains(&0) {
        return Err("holds a NUL character");
    }
    let parts: Vec<_> = path.split(|byte| *byte == b'/').filter(|part| !matches!(part, [] | [b'.'])).collect();
    if parts.iter().any(|part| *part == b"..") {
        return Err("leads outside");
    }
    if parts.len() > DEEPEST {
        return Err("is too deep");
    }
    let relative = parts.join(&b'/');
    if relative.len() > LONGEST || parts.iter().any(|part| part.len() > 255) {
        return Err("is too long");
    }
    Ok(relative)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_outside() {
        for (path, wanted) in [
            ("./a", "a"),
            ("a/b/", "a/b"),
            ("./", ""),
            (".", ""),
            ("a//./b", "a/b"),
            ("...", "..."),
            ("a/..b", "a/..b"),
            ("-rf", "-rf"),
            ("a\nb", "a\nb"),
        ] {
            assert_eq!(relative(path.as_bytes()), Ok(wanted.as_bytes().to_vec()), "{path:?}");
        }
        let deep = "a/".repeat(DEEPEST + 1);
        let long = "x".repeat(256);
        for path in ["/", "/etc/passwd", "..", "../a", "a/../b", "a/..", "./../a", "a\0b", &deep, &long] {
            assert!(relative(path.as_bytes()).is_err(), "{path:?}");
        }
    }
}
