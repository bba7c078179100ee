//! docs/BOT.md shows what is said in tests; `UPDATE_BOT=1` writes it anew.

mod account;
mod remote;
mod request;
mod script;
mod vm;

use std::sync::{Mutex, PoisonError};

use vmm_testkit::fake::telegram::Person;

/// Tests run beside each other, and all write one file.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares the first transcript below a heading with what was said.
pub(crate) fn shows(heading: &str, said: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/BOT.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let (before, below) = manual.split_once(&format!("\n{heading}\n")).unwrap();
    let (head, rest) = below.split_once("```text\n").unwrap();
    let (_, tail) = rest.split_once("```\n").unwrap();
    let right = format!("{before}\n{heading}\n{head}```text\n{said}```\n{tail}");
    if std::env::var_os("UPDATE_BOT").is_some() {
        std::fs::write(path, &right).unwrap();
        return;
    }
    assert!(manual == right, "UPDATE_BOT=1 writes docs/BOT.md anew; below {heading} was said:\n{said}");
}

/// A chat that stands below several headings, each with what was said since the one before.
struct Chat<'a> {
    person: &'a Person,
    /// The length of the transcript that is shown already.
    shown: usize,
}

impl<'a> Chat<'a> {
    /// The chat from now on.
    fn new(person: &'a Person) -> Self {
        Self { person, shown: person.transcript().len() }
    }

    /// Returns what was said since the last call.
    fn said(&mut self) -> String {
        let all = self.person.transcript();
        let said = all[self.shown..].to_owned();
        self.shown = all.len();
        said
    }
}

/// Returns a transcript without the parts that depend on timing: progress, unless somebody pressed a button on it, and
/// durations.
fn settled(said: &str) -> String {
    let begins = |line: &str| ["Alice", "vmm: ", EDITED, "(message "].iter().any(|first| line.starts_with(first));
    let mut events: Vec<String> = Vec::new();
    for line in said.lines() {
        match events.last_mut() {
            Some(event) if !begins(line) => *event += &format!("{line}\n"),
            _ => events.push(format!("{line}\n")),
        }
    }
    let (mut said, mut without_first) = (String::new(), false);
    for (at, event) in events.iter().enumerate() {
        let pressed = events.get(at + 1).is_some_and(|next| next.starts_with("Alice presses"));
        let change = event.strip_prefix(EDITED);
        if event.contains(['⏳', '🕓']) && !pressed {
            without_first |= change.is_none();
        } else if let (true, Some(change)) = (without_first, change) {
            // It is what is shown first of its message.
            said += change;
            without_first = false;
        } else {
            said += event;
        }
    }
    timeless(&said)
}

/// The mark before a message that has changed.
const EDITED: &str = "(edited) ";

/// The same, as if everything took equally long.
fn timeless(said: &str) -> String {
    let words: Vec<_> = said.split(' ').collect();
    let seconds = |at: usize| words.get(at + 1).is_some_and(|next| next.starts_with('s')) && words[at].contains('.');
    let word = |at: usize| if seconds(at) && words[at].parse::<f64>().is_ok() { "0.2" } else { words[at] };
    (0..words.len()).map(word).collect::<Vec<_>>().join(" ")
}
