//! Files there and back.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use vmm_testkit::sshd::Sshd;

use super::hosts::Hosts;
use super::process::{Program, Took, installed};
use super::{Scale, bound, compare};

/// The size of a small file, in bytes.
const SMALL: usize = 10 << 10;
const MEMORY: u64 = 32 << 20;

/// A machine with its files, and ours.
struct Setting {
    sshd: Sshd,
    hosts: Hosts,
}

impl Setting {
    async fn new() -> Self {
        let sshd = Sshd::start_everywhere().await;
        let hosts = Hosts::new([sshd.endpoint()], sshd.key_login());
        Self { sshd, hosts }
    }

    fn local(&self, name: &str) -> String {
        self.hosts.file(name).display().to_string()
    }

    fn there(&self, name: &str) -> String {
        self.sshd.shared_directory().join(name).display().to_string()
    }

    /// The same as other clients name it.
    fn remote(&self, name: &str) -> String {
        format!("{}:{}", self.hosts.target(), self.there(name))
    }

    fn ours(&self, what: &str, more: serde_json::Value) -> Program {
        let mut task = json!({ "what": what, "directory": self.sshd.shared_directory() });
        task.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Program::client(&self.hosts.task(task))
    }

    fn scp(&self, words: &[&str]) -> Program {
        Program::new("scp").words(["-q"]).words(self.hosts.words()).words(words.iter().copied())
    }

    fn scp_with_fastest_cipher(&self, words: &[&str]) -> Program {
        let options = self.hosts.words_with_fastest_cipher();
        Program::new("scp").words(["-q"]).words(options).words(words.iter().copied())
    }

    fn other(&self, what: &str, there: &str, local: &str, cipher: &str) -> Program {
        self.ours(what, json!({ "there": self.there(there), "local": self.local(local), "cipher": cipher }))
    }

    fn sftp(&self, line: String) -> Program {
        let program = Program::new("sftp").words(["-q", "-b", "-"]).words(self.hosts.words());
        program.words([self.hosts.target()]).reading(line)
    }

    fn rsync(&self, from: &str, to: &str) -> Program {
        let shell = format!("ssh {}", self.hosts.words().join(" "));
        Program::new("rsync").words(["--whole-file", "-e", &shell, from, to])
    }
}

/// A client, and how it sends and receives the big file.
struct Side {
    name: &'static str,
    up: fn(&Setting) -> Program,
    down: fn(&Setting) -> Program,
    took: [Vec<Took>; 2],
}

impl Side {
    fn new(name: &'static str, up: fn(&Setting) -> Program, down: fn(&Setting) -> Program) -> Self {
        Self { name, up, down, took: [Vec::new(), Vec::new()] }
    }

    fn ours() -> Self {
        Self::new(
            "vmm",
            |it| it.ours("send", json!({ "local": it.local("big") })),
            |it| it.ours("receive", json!({ "file": "big", "local": it.local("back") })),
        )
    }

    fn peers() -> Vec<Self> {
        let mut peers = vec![
            Self::new(
                "scp",
                |it| it.scp(&[&it.local("big"), &it.remote("sent")]),
                |it| it.scp(&[&it.remote("big"), &it.local("back")]),
            ),
            Self::new(
                "sftp",
                |it| it.sftp(format!("put {} {}\n", it.local("big"), it.there("sent"))),
                |it| it.sftp(format!("get {} {}\n", it.there("big"), it.local("back"))),
            ),
        ];
        if installed("rsync", "rsync") {
            peers.push(Self::new(
                "rsync",
                |it| it.rsync(&it.local("big"), &it.remote("sent")),
                |it| it.rsync(&it.remote("big"), &it.local("back")),
            ));
        }
        peers
    }

    /// Returns programs that show where the time goes and are no peers: another cipher, and a client that checks
    /// nothing.
    fn others() -> Vec<Self> {
        vec![
            Self::new(
                "scp with AES-256-GCM",
                |it| it.scp_with_fastest_cipher(&[&it.local("big"), &it.remote("sent")]),
                |it| it.scp_with_fastest_cipher(&[&it.remote("big"), &it.local("back")]),
            ),
            Self::new(
                "russh through `cat`, no check",
                |it| it.other("other-send", "sent", "big", "chacha"),
                |it| it.other("other-receive", "big", "back", "chacha"),
            ),
            Self::new(
                "the same with AES-256-GCM",
                |it| it.other("other-send", "sent", "big", "aes"),
                |it| it.other("other-receive", "big", "back", "aes"),
            ),
        ]
    }
}

/// One big file up and down.
pub(super) async fn big(scale: &Scale) {
    let setting = Setting::new().await;
    let (source, back) = (setting.local("big"), setting.local("back"));
    write(source.as_ref(), scale.big_file);
    std::fs::copy(&source, setting.there("big")).expect("room for a copy");
    let (mut ours, mut peers, mut others) = (Side::ours(), Side::peers(), Side::others());
    for _ in 0..scale.runs {
        for side in [&mut ours].into_iter().chain(&mut peers).chain(&mut others) {
            side.took[0].push(alone((side.up)(&setting)).await);
            same_size(&source, &setting.there("sent"));
            side.took[1].push(alone((side.down)(&setting)).await);
            same_size(&source, &back);
        }
    }
    for (way, direction) in ["up", "down"].into_iter().enumerate() {
        let what = format!("{} MiB {direction}", scale.big_file >> 20);
        let best = peers.iter().min_by_key(|peer| crate::median(&mut walls(&peer.took[way])));
        let best = best.expect("OpenSSH's clients are there");
        let (own, theirs) = (&mut walls(&ours.took[way]), &mut walls(&best.took[way]));
        compare(&what, own, &format!("{}, the best with the same cipher", best.name), theirs, 1.0);
        for side in [&ours].into_iter().chain(&peers).chain(&others) {
            let [wall, cpu] = [walls(&side.took[way]), cpus(&side.took[way])]
                .map(|mut times| crate::milliseconds(crate::median(&mut times)));
            println!("  {} takes {wall}, and {cpu} of CPU", side.name);
        }
        bound(&format!("{what}, the client's memory"), peak(&ours.took[way]), MEMORY);
    }
}

/// Many small files up, to where nothing is.
pub(super) async fn small(scale: &Scale) {
    let setting = Setting::new().await;
    let folder = setting.local("small");
    std::fs::create_dir(&folder).expect("a directory of our own");
    for number in 0..scale.small_files {
        write(Path::new(&folder).join(format!("file-{number}")).as_ref(), SMALL as u64);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..scale.runs {
        ours.push(alone(setting.ours("send-tree", json!({ "local": folder }))).await);
        theirs.push(alone(setting.scp(&["-r", &folder, &setting.remote("scp")])).await);
        // The next ones do not find them there. To remove them would keep the disk busy meanwhile.
        for sent in ["sent", "scp"] {
            let aside = setting.there(&format!("{sent}-{turn}"));
            std::fs::rename(setting.there(sent), aside).expect("they are there");
        }
    }
    let what = format!("{} files of 10 KiB", scale.small_files);
    compare(&what, &mut walls(&ours), "scp -r", &mut walls(&theirs), 0.5);
}

/// Runs a program after everything written before is on the disk, so that it does not wait for other writes.
async fn alone(program: Program) -> Took {
    Program::new("sync").run().await;
    program.run().await
}

/// A file that does not compress.
fn write(path: &Path, bytes: u64) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a file of our own"));
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..bytes / 8 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        file.write_all(&state.to_le_bytes()).expect("room for it");
    }
    file.flush().expect("room for it");
}

fn same_size(one: &str, other: &str) {
    let size = |path| std::fs::metadata(path).expect("it is there").len();
    assert_eq!(size(one), size(other));
    // The next one does not find it there, and writes as much as this one did.
    std::fs::remove_file(other).expect("it is there");
}

fn walls(took: &[Took]) -> Vec<Duration> {
    took.iter().map(|took| took.wall).collect()
}

fn cpus(took: &[Took]) -> Vec<Duration> {
    took.iter().map(|took| took.cpu).collect()
}

fn peak(took: &[Took]) -> u64 {
    took.iter().filter_map(|took| took.output.trim().parse().ok()).max().unwrap_or_default()
}
