//! Names that files can have.

use std::collections::HashSet;

/// Names that are harmless to a file system and to nothing else: about a hundred that were thought of, and as many more
/// made of them and of pieces of them, always the same, as make this number.
pub fn hostile_names(count: usize) -> Vec<String> {
    let mut names: Vec<String> = THOUGHT_OF.iter().copied().map(str::to_owned).collect();
    names.extend(["x".repeat(255), "ü".repeat(127), "'".repeat(255), "\n".repeat(255), "\\".repeat(255)]);
    let mut seen: HashSet<_> = names.iter().cloned().collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("it is less than a usize")
    };
    while names.len() < count {
        let mut name = String::new();
        for _ in 0..=next(12) {
            match next(3) {
                0 => name.push_str(THOUGHT_OF[next(THOUGHT_OF.len())]),
                1 => name.push(char::from(u8::try_from(1 + next(0x7f)).expect("ASCII"))),
                _ => name.push_str(ALONE[next(ALONE.len())]),
            }
        }
        let wrong = name.contains('/') || name.len() > 255 || name == "." || name == "..";
        if !wrong && seen.insert(name.clone()) {
            names.push(name);
        }
    }
    names
}

/// Pieces that mean something to a shell, a terminal, an archive or a protocol, and are no names of their own.
const ALONE: &[&str] =
    &[".", "..", "\r", "\u{b}", "\u{c}", "\u{1b}]0;x\u{7}", "\u{9b}", "\u{85}", "\u{2028}", "$(", ")", "'; id; '"];

const THOUGHT_OF: &[&str] = &[
    "-",
    "--",
    "-rf",
    "--help",
    "-T",
    "-e",
    "...",
    "....",
    ".hidden",
    " ",
    "  ",
    " a",
    "a ",
    "a b",
    "a  b",
    "\t",
    "\n",
    "a\nb",
    "\na",
    "a\n",
    "\r\n",
    "'",
    "''",
    "'''",
    "it's",
    "\"",
    "\"\"",
    "a\"b",
    "`id`",
    "`",
    "$(id)",
    "$HOME",
    "${HOME}",
    "$",
    "$$",
    "$'a'",
    "\\",
    "\\\\",
    "\\n",
    "a\\",
    "\\'",
    "'\\''",
    "!",
    "!!",
    "a!b",
    "*",
    "?",
    "[a]",
    "[!a]",
    "{a,b}",
    "~",
    "~root",
    "~a",
    "#",
    "#a",
    "a#b",
    ";",
    ";id",
    "a;b",
    "&",
    "&&",
    "a&b",
    "|",
    "||",
    "a|b",
    "<",
    ">",
    "<a",
    ">a",
    "2>&1",
    "(",
    ")",
    "()",
    "a(b)",
    ":",
    "a:b",
    "=",
    "a=b",
    "%",
    "%s",
    "%00",
    "%2F",
    "%2e%2e",
    "+",
    ",",
    "@",
    "^",
    "^M",
    "_",
    "vmm: placed",
    "; rm -rf .",
    "EOF",
    "con",
    "nul",
    "\u{1}",
    "\u{7f}",
    "\u{1b}[31m",
    "\u{8}",
    "ä",
    "日本語",
    "🦀",
    "\u{202e}txt",
    "\u{feff}",
    "\u{200b}",
    "e\u{301}",
    "é",
];
