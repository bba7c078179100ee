//! Commands and files on a machine.

use std::time::Duration;

use vmm_core::remote::Place;
use vmm_testkit::fake::remote::Answer;

use super::{Chat, settled, shows};
use crate::app::sees_become;
use crate::ssh::{SECRET, Scene};

#[tokio::test]
async fn the_manual_shows_commands_and_files() {
    let scene = Scene::new().await;
    let (alice, remote) = (&scene.alice, &scene.app.desk.remote);
    let mut chat = Chat::new(alice);
    let served = |number: u32| format!("192.0.2.7 GET /shop/{number} 200\n");
    let log: String = (1..=2000).map(served).collect();
    remote.answer(scene.web_1, "cat access.log", Answer::stdout(log));
    remote.answer(scene.web_1, "tail -f", Answer::stdout(served(2001)).taking(Duration::MAX));
    scene.says_with_login("/ssh web-1 uptime").await;
    let done = scene.ended("Exit code 0").await;
    alice.presses(&done, "Another command").answer().await;
    alice.sees("Which command is to run on web-1?").await;
    alice.says("tail -f access.log");
    let live = sees_become(alice, "tail -f", "/shop/2001").await;
    alice.presses(&live, "Cancel").answer().await;
    alice.sees_edit(&live, "Cancelled.").await;
    alice.says("/ssh web-1 cat access.log");
    let done = scene.ended("Exit code 0").await;
    alice.sees_document("web-1-output.txt").await;
    let end: Vec<_> = done.part("pre").unwrap().lines().collect();
    let all_but_two = end[..end.len() - 2].join("\n");
    let said = settled(&chat.said()).replace(SECRET, "THE PASSWORD").replace(&all_but_two, "…");
    shows("## Commands on a machine", &said);

    let place = |name| Place::new("/tmp", name).unwrap();
    remote.put_file(scene.web_1, &place("report.csv"), "visitors,orders\n2001,17\n");
    remote.put_file(scene.web_1, &place("dump.sql"), vec![7; 4 << 20]);
    alice.says("/get web-1 /tmp/report.csv");
    scene.ended("24 bytes").await;
    alice.sees_document("report.csv").await;
    alice.uploads("shop.conf", b"currency = eur\n", "/put web-1 /tmp");
    scene.ended("15 bytes").await;
    remote.stall_transfers(scene.web_1, 3 << 20);
    alice.says("/get web-1 /tmp/dump.sql");
    let live = sees_become(alice, "get /tmp/dump.sql", "75 %").await;
    alice.presses(&live, "Cancel").answer().await;
    alice.sees_edit(&live, "Cancelled.").await;
    alice.says("/forget");
    alice.sees("forgotten").await;
    shows("## Files to and from a machine", &settled(&chat.said()));
}
