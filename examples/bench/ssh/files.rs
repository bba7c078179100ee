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

    fn sftp(&self, line: String) -> Program {
        let program = Program::new("sftp").words(["-q", "-b", "-"]).words(self.hosts.words());
        program.words([self.hosts.target()]).reading(line)
    }

    fn rsync(&self, from: &str, to: &str) -> Program {
        let shell = format!("ssh {}", self.hosts.words().join(" "));
        Program::new("rsync").words(["--whole-file", "-e", &shell, from, to])
    }
}

/// One big file up and down.
pub(super) async fn big(scale: &Scale) {
    let setting = Setting::new().await;
    let (source, back) = (setting.local("big"), setting.local("back"));
    write(source.as_ref(), scale.big_file);
    std::fs::copy(&source, setting.there("big")).expect("room for a copy");
    let rsync = installed("rsync", "rsync");
    let mut up: Vec<(&str, Vec<Took>)> = ["vmm", "scp", "sftp", "rsync"].map(|name| (name, Vec::new())).into();
    let mut down = up.clone();
    for _ in 0..scale.runs {
        for (name, took) in &mut up {
            took.push(match *name {
                "vmm" => setting.ours("send", json!({ "local": source })).run().await,
                "scp" => setting.scp(&[&source, &setting.remote("sent")]).run().await,
                "sftp" => setting.sftp(format!("put {source} {}\n", setting.there("sent"))).run().await,
                _ if rsync => setting.rsync(&source, &setting.remote("sent")).run().await,
                _ => continue,
            });
            same_size(&source, &setting.there("sent"));
        }
        for (name, took) in &mut down {
            took.push(match *name {
                "vmm" => setting.ours("receive", json!({ "file": "big", "local": back })).run().await,
                "scp" => setting.scp(&[&setting.remote("big"), &back]).run().await,
                "sftp" => setting.sftp(format!("get {} {back}\n", setting.there("big"))).run().await,
                _ if rsync => setting.rsync(&setting.remote("big"), &back).run().await,
                _ => continue,
            });
            same_size(&source, &back);
        }
    }
    for (direction, sides) in [("up", &up), ("down", &down)] {
        let what = format!("{} MiB {direction}", scale.big_file >> 20);
        let (_, ours) = &sides[0];
        let peers = sides[1..].iter().filter(|(_, took)| !took.is_empty());
        if let Some((peer, theirs)) = peers.min_by_key(|(_, took)| crate::median(&mut walls(took))) {
            compare(&what, &mut walls(ours), &format!("{peer}, the best"), &mut walls(theirs), 1.0);
        }
        bound(&format!("{what}, the client's memory"), peak(ours), MEMORY);
    }
}

/// Many small files up.
pub(super) async fn small(scale: &Scale) {
    let setting = Setting::new().await;
    let folder = setting.local("small");
    std::fs::create_dir(&folder).expect("a directory of our own");
    for number in 0..scale.small_files {
        write(Path::new(&folder).join(format!("file-{number}")).as_ref(), SMALL as u64);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        ours.push(setting.ours("send-tree", json!({ "local": folder })).run().await);
        theirs.push(setting.scp(&["-r", &folder, &setting.remote("scp")]).run().await);
        std::fs::remove_dir_all(setting.there("scp")).expect("they are there");
    }
    let what = format!("{} files of 10 KiB", scale.small_files);
    compare(&what, &mut walls(&ours), "scp -r", &mut walls(&theirs), 0.5);
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

fn peak(took: &[Took]) -> u64 {
    took.iter().filter_map(|took| took.output.trim().parse().ok()).max().unwrap_or_default()
}
