//! docs/BOT.md shows what is said in tests; `UPDATE_BOT=1` writes it anew.

use std::sync::{Mutex, PoisonError};

use vmm_core::remote::Place;
use vmm_testkit::fake::remote::Answer;

use crate::app::sees_become;
use crate::ssh::{SECRET, Scene};

/// Tests run beside each other, and all write one file.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares the first transcript below a heading with what was said.
pub(crate) fn shows(heading: &str, said: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/BOT.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let (before, below) = manual.split_once(&format!("{heading}\n")).unwrap();
    let (head, rest) = below.split_once("```text\n").unwrap();
    let (_, tail) = rest.split_once("```\n").unwrap();
    let right = format!("{before}{heading}\n{head}```text\n{said}```\n{tail}");
    if std::env::var_os("UPDATE_BOT").is_some() {
        std::fs::write(path, &right).unwrap();
        return;
    }
    assert!(manual == right, "UPDATE_BOT=1 writes docs/BOT.md anew");
}

#[tokio::test]
async fn the_manual_shows_work_on_machines() {
    let scene = Scene::new().await;
    let (alice, remote) = (&scene.alice, &scene.app.desk.remote);
    let before = alice.transcript();
    scene.says_with_login("/ssh web-1 uptime").await;
    scene.ended("Exit code 0").await;
    alice.uploads("backup.sh", b"echo well\n", "/script \"nightly backup\" sh web-1");
    alice.sees("nightly backup of alice").await;
    remote.answer(scene.web_1, "backup.sh", Answer::code(3).with_stderr("no space\n"));
    alice.says("/run \"nightly backup\"");
    sees_become(alice, "nightly backup", "1 of 1 ended").await;
    alice.sees("== web-1").await;
    remote.put_file(scene.web_1, &Place::new("/tmp", "big").unwrap(), vec![7; 4 << 20]);
    remote.stall_transfers(scene.web_1, 3 << 20);
    alice.says("/get web-1 /tmp/big");
    let live = sees_become(alice, "get /tmp/big", "75 %").await;
    alice.presses(&live, "Cancel").answer().await;
    alice.sees_edit(&live, "It was cancelled.").await;
    alice.says("/forget");
    alice.sees("forgotten").await;
    let said = alice.transcript();
    shows("## Work on machines", &settled(said.strip_prefix(&before).unwrap()).replace(SECRET, "THE PASSWORD"));
}

/// What was said, without what depends on who is faster: how something was on its way, unless it tells how far, and how
/// long it took.
fn settled(said: &str) -> String {
    let begins = |line: &str| ["Alice", "vmm: ", "(edited) ", "(message "].iter().any(|first| line.starts_with(first));
    let mut events: Vec<String> = Vec::new();
    for line in said.lines() {
        match events.last_mut() {
            Some(event) if !begins(line) => *event += &format!("{line}\n"),
            _ => events.push(format!("{line}\n")),
        }
    }
    let on_its_way = |event: &String| event.contains('🕓') || event.contains('⏳') && !event.contains(" %");
    events.retain(|event| !on_its_way(event));
    let changed = |event: &String| event.contains('⏹');
    let said: String =
        events.iter().map(|event| if changed(event) { event.as_str() } else { without_mark(event) }).collect();
    let words: Vec<_> = said.split(' ').collect();
    let seconds = |at: usize| words.get(at + 1).is_some_and(|next| next.starts_with('s')) && words[at].contains('.');
    let timeless = |at: usize| if seconds(at) && words[at].parse::<f64>().is_ok() { "0.2" } else { words[at] };
    (0..words.len()).map(timeless).collect::<Vec<_>>().join(" ")
}

fn without_mark(event: &str) -> &str {
    event.strip_prefix("(edited) ").unwrap_or(event)
}
