//! The work of a machine's shell on a directory.

use super::resend_buffer::File;
use crate::remote::Place;
use crate::remote::libssh2::error::Cause;
use crate::remote::libssh2::shell::{DIGEST, quoted, quoted_bytes};
use crate::remote::libssh2::transfer::temporary_name;

/// The line that a script writes when it is done. Its exit code alone proves nothing: a missing one reads as 0.
pub(super) const DONE: &str = "vmm: done";
/// The line that a script writes when a directory is in its place.
pub(super) const PLACED: &str = "vmm: placed";
/// The line that a script writes where `tar` gives no permissions to existing directories.
pub(super) const PLAIN_TAR: &str = "vmm: plain tar";
/// The words before the directory's inode when a script takes an archive.
const READY: &str = "vmm: ready ";
/// The line that a script writes before the archive that it sends.
pub(super) const SENDS: &str = "vmm: sends";
/// The words before the number of files that are there and the length of the last of them.
const THERE: &str = "vmm: there ";
/// A machine's archive is gone on with at a multiple of so many bytes.
pub(super) const BLOCK: usize = 64 * 1024;

/// The exit codes of a script that cannot do its work.
pub(super) mod exit {
    pub(in super::super) const DIRECTORY_MISSING: i32 = 91;
    pub(in super::super) const NO_DIRECTORY: i32 = 92;
    pub(in super::super) const CLOSED: i32 = 93;
    pub(in super::super) const IN_THE_WAY: i32 = 94;
    pub(in super::super) const NOT_EMPTY: i32 = 95;
    pub(in super::super) const NO_TOOLS: i32 = 96;
    pub(in super::super) const TREE_MISSING: i32 = 97;
    pub(in super::super) const TREE_CLOSED: i32 = 98;
    pub(in super::super) const GONE: i32 = 99;
}

/// The places of an upload, as the machine sees them.
pub(super) struct Paths {
    directory: String,
    target: String,
    /// Where the tree is unpacked, beside the target.
    temporary: String,
    /// Where a tree that is replaced steps to.
    aside: String,
    /// By what the tree is known wherever it is, once it was made.
    pub(super) inode: Option<u64>,
}

impl Paths {
    pub(super) fn new(place: &Place) -> Result<Self, Cause> {
        let directory = place.directory_path();
        let beside = |name: &str| format!("{directory}/{name}");
        let (target, temporary, aside) = (beside(place.file()), beside(&temporary_name()?), beside(&temporary_name()?));
        Ok(Self { directory, target, temporary, aside, inode: None })
    }

    pub(super) fn temporary(&self) -> &str {
        &self.temporary
    }

    fn set(&self) -> String {
        let Self { directory, target, temporary, aside, inode } = self;
        let [directory, target, temporary, aside] = [directory, target, temporary, aside].map(|path| quoted(path));
        let inode = inode.map_or_else(String::new, |inode| inode.to_string());
        format!(
            "LC_ALL=C; export LC_ALL; unset TAR_OPTIONS\n\
             d={directory} g={target} t={temporary} a={aside} i={inode}\n{ABSOLUTE}{TOOLS}"
        )
    }

    /// Checks the place, makes the tree's directory, says which it is, and unpacks the archive on standard input.
    pub(super) fn unpack(&self, replace: bool) -> String {
        let empty = if replace { "" } else { EMPTY };
        format!("{}{PLACE}{empty}{MAKE}{UNPACK}{LEAVE}", self.set())
    }

    /// Unpacks a further archive there.
    pub(super) fn unpack_on(&self) -> String {
        format!("{}{ENTER}{UNPACK}{LEAVE}", self.set())
    }

    /// Ends who works there, and tells how many of the files on standard input are there, one after the other, and how
    /// long the last of them is.
    pub(super) fn look(&self) -> String {
        format!("{}{ALONE}{ENTER}{LOOK}", self.set())
    }

    /// Appends the standard input to a file, and gives it its permissions.
    pub(super) fn go_on_with(&self, file: &File) -> Vec<u8> {
        let path = quoted_bytes(&[b"./", file.path.as_slice()].concat());
        let about = format!(" m={:o} s={}\n{APPEND}{LEAVE}", file.mode, file.modified);
        [self.set().as_bytes(), ENTER.as_bytes(), b"f=", &path, about.as_bytes()].concat()
    }

    /// Makes the directories of an archive on standard input that are not there.
    pub(super) fn make(&self) -> String {
        format!("{}{ALONE}{ENTER}{WHICH_TAR}tar -xpf -\n{LEAVE}", self.set())
    }

    /// Gives the directories whose names are on standard input these permissions.
    pub(super) fn set_mode(&self, mode: u32) -> String {
        format!("{}{ENTER}xargs -0 chmod {mode:o} && echo 'vmm: done'\n", self.set())
    }

    /// Gives the directories the permissions in an archive on standard input, and puts the tree in place when it is on
    /// the disk; may be done again.
    pub(super) fn place(&self, replace: bool) -> String {
        let there = if replace { REPLACE } else { "exit 95" };
        format!(
            "{}{ALONE}{HERE}{PLACE}if ! here \"$g\"; then\nhere \"$t\" || exit 99\n{ENTER}tar -xpf - || exit\n{SYNC}\
             if [ -d \"$g\" ] && ! rmdir \"$g\" 2>/dev/null; then {there}; {MOVE}",
            self.set()
        )
    }

    /// Removes what a failed upload has left, sets back what stepped aside, and says if the tree is in its place.
    pub(super) fn tidy(&self) -> String {
        format!("{}{ALONE}{HERE}{TIDY}", self.set())
    }
}

/// The shell goes elsewhere.
const ABSOLUTE: &str = "p=$(pwd)\nfor v in d g t a; do eval \"case \\$$v in /*) ;; *) $v=\\$p/\\$$v;; esac\"; done\n";

const TOOLS: &str = "for tool in tar xargs; do command -v $tool >/dev/null 2>&1 || exit 96; done\n";

const PLACE: &str = "[ -d \"$d\" ] || { [ -e \"$d\" ] && exit 92; exit 91; }\n\
                     [ -x \"$d\" ] || exit 93\n\
                     if [ -L \"$g\" ] || { [ -e \"$g\" ] && ! [ -d \"$g\" ]; }; then exit 94; fi\n";

const EMPTY: &str = "[ -d \"$g\" ] && [ -n \"$(ls -A \"$g\")\" ] && exit 95\n";

/// The directory above may be closed, or its disk full or read-only.
const MAKE: &str = "e=$(mkdir -m 700 \"$t\" 2>&1) || { case $e in *denied*|*permitted*) exit 93;; esac; \
                    echo \"$e\" >&2; exit 90; }\ncd \"$t\" || exit 99\n";

/// Everybody who works on the tree is in it, so that others can find them.
const ENTER: &str = "cd \"$t\" 2>/dev/null || exit 99\n";

/// Ends those who work on the tree for a connection that was lost. What they have begun they leave as it is. Somebody
/// always waits there, who is gone within milliseconds.
const ALONE: &str = "for pause in 0 0 .01 .01 .01 .01 .01 .01 .01 .01 .1 .1 .1 .1 .1 .1 .1; do\n\
                     n=; for w in /proc/[0-9]*; do [ \"$w/cwd\" -ef \"$t\" ] && n=1 && kill -9 ${w#/proc/}; done 2>/dev/null\n\
                     [ \"$n\" ] || break\n\
                     [ $pause = 0 ] || sleep $pause 2>/dev/null || sleep 1\n\
                     done\n";

/// Nothing comes before it is said that the directory is there.
const UNPACK: &str = "set -f; set -- $(ls -di .); echo \"vmm: ready $1\"\ntar -xpf -\n";

/// GNU's can do it, BusyBox's cannot.
const WHICH_TAR: &str = "case $(tar --version 2>/dev/null) in *GNU*) ;; *) echo 'vmm: plain tar' ;; esac\n";

/// The end of a script, which removes the remains of an abandoned tree after an hour. Who comes back ends those who
/// wait, in any order: a `sleep` that was killed is no hour.
const LEAVE: &str = "code=$?\n\
                     (sleep 3600 && { cd /; chmod -R u+rwx \"$t\"; rm -rf \"$t\"; }) </dev/null >/dev/null 2>&1 &\n\
                     [ $code = 0 ] && echo 'vmm: done'\nexit $code\n";

const LOOK: &str = "xargs -0 sh -c '\
                    n=0; for f do [ -f \"$f\" ] || break; n=$((n+1)); l=$f; done\n\
                    [ $n = 0 ] || chmod u+rw \"$l\"\n\
                    echo \"vmm: there $n $([ $n = 0 ] || wc -c <\"$l\")\"' sh\n";

/// Not every `touch` knows seconds since 1970.
const APPEND: &str = "cat >>\"$f\" && { touch -m -d \"@$s\" \"$f\" 2>/dev/null; chmod $m \"$f\"; }\n";

/// The shell function that checks that a directory is the tree.
const HERE: &str =
    "here() { set -f; [ -d \"$1\" ] && ! [ -L \"$1\" ] && set -- $(ls -di \"$1\") && [ \"$1\" = \"$i\" ]; }\n";

/// The file system's own, where `sync` can do that.
const SYNC: &str = "sync -f \"$t\" 2>/dev/null || sync\n";

/// At once where `mv` can exchange two directories (coreutils 9.5). Elsewhere there is none at its place for a moment.
const REPLACE: &str = "if ! mv --exchange -T \"$t\" \"$g\" 2>/dev/null; then\n\
                       mv -T \"$g\" \"$a\" || exit 94\n\
                       mv -T \"$t\" \"$g\" || { mv -T \"$a\" \"$g\"; exit 94; }\n\
                       fi";

/// The end of the move, which removes the directory that the tree has replaced.
const MOVE: &str = "else mv -T \"$t\" \"$g\" || exit 94; fi\nfi\n\
                    for o in \"$t\" \"$a\"; do [ -e \"$o\" ] && { chmod -R u+rwx \"$o\"; rm -rf \"$o\"; }; done\n\
                    echo 'vmm: done'\n";

const TIDY: &str = "here \"$g\" && echo 'vmm: placed'\n\
                    if [ -e \"$a\" ] && ! [ -e \"$g\" ]; then mv -T \"$a\" \"$g\"; fi\n\
                    for try in 1 2 3 4 5 6 7 8 9 10; do\n\
                    chmod -R u+rwx \"$t\" \"$a\" 2>/dev/null; rm -rf \"$t\" \"$a\" 2>/dev/null\n\
                    [ -e \"$t\" ] || [ -e \"$a\" ] || { echo 'vmm: done'; exit 0; }\n\
                    sleep 0.2 2>/dev/null || sleep 1\n\
                    done\n";

/// Writes an archive of a directory to standard output. Further names of a file are copies, where `tar` can do that.
pub(super) fn pack(directory: &str, target: &str) -> String {
    format!("{}echo '{SENDS}'\nexec tar $h -cf - .\n", packing(directory, target))
}

/// Writes the digest of so many blocks of it, and then what follows them.
pub(super) fn pack_from(directory: &str, target: &str, blocks: u64) -> String {
    format!("{}{DIGEST}n={blocks}\n{PACK_FROM}", packing(directory, target))
}

fn packing(directory: &str, target: &str) -> String {
    let (directory, target) = (quoted(directory), quoted(target));
    format!("LC_ALL=C; export LC_ALL; unset TAR_OPTIONS\nd={directory} g={target}\n{TOOLS}{PACK}")
}

const PACK: &str = "[ -d \"$d\" ] || { [ -e \"$d\" ] && exit 92; exit 91; }\n\
                    [ -x \"$d\" ] || exit 93\n\
                    [ -d \"$g\" ] || { [ -e \"$g\" ] && exit 94; exit 97; }\n\
                    cd \"$g\" && [ -r . ] || exit 98\n\
                    h=; tar --hard-dereference --help >/dev/null 2>&1 && h=--hard-dereference\n";

/// Its exit code is that of `tar`. `dd` takes no byte more than it is told.
const PACK_FROM: &str = "exec 3>&1\n\
                         code=$({ { tar $h -cf - .; echo $? >&4; } |\n\
                         { dd bs=65536 count=$n iflag=fullblock 2>/dev/null | digest; exec cat; } >&3; } 4>&1)\n\
                         exit $code\n";

/// The digest of files below a directory, one after the other, whose names come on standard input.
pub(super) fn digest(target: &str) -> String {
    format!("{DIGEST}cd {} && xargs -0 cat -- | digest\n", quoted(target))
}

/// The inode of the directory for which a script is ready.
pub(super) fn said_inode(line: &str) -> Option<u64> {
    line.strip_prefix(READY)?.trim().parse().ok()
}

/// Returns the number of files that are there, and the length of the last of them.
pub(super) fn said_there(said: &str) -> (usize, u64) {
    let mut there = (0_usize, 0);
    for line in said.lines().filter_map(|line| line.strip_prefix(THERE)) {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(u64::MAX));
        if let (Some(count @ 1..), bytes) = (numbers.next(), numbers.next()) {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            there = (there.0.saturating_add(count), bytes.unwrap_or(u64::MAX));
        }
    }
    there
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    /// The processes that work in a directory, with their names.
    fn workers(directory: &Path) -> Vec<(String, String)> {
        let in_it = |process: &Path| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == directory);
        let name = |process: &Path| std::fs::read_to_string(process.join("comm")).ok();
        let named = |process: &Path| Some((process.file_name()?.to_str()?.to_owned(), name(process)?));
        let processes = std::fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
        processes.map(|process| process.path()).filter(|path| in_it(path)).filter_map(|path| named(&path)).collect()
    }

    fn until<T>(wanted: impl Fn() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = wanted() {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(10), "it does not come about");
            std::thread::yield_now();
        }
    }

    /// Process ids start over, so that whoever comes back may meet the `sleep` before the shell that waits for it.
    #[test]
    fn who_waits_with_an_unfinished_tree_leaves_it_alone_when_woken_too_early() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let tree = directory.path().canonicalize().expect("it is there").join("tree");
        let leave = |waiting: &str| {
            let script = format!("t={}; mkdir -p \"$t\"; cd \"$t\"\n{waiting}", quoted(&tree.to_string_lossy()));
            let left = Command::new("sh").args(["-c", &script]).stdout(Stdio::null()).status().expect("a shell");
            assert!(left.success());
        };
        leave(LEAVE);
        let sleeping = || workers(&tree).into_iter().find(|(_, name)| name.trim() == "sleep");
        let (process, _) = until(sleeping);
        assert!(Command::new("kill").args(["-9", &process]).status().expect("kill").success());
        until(|| workers(&tree).is_empty().then_some(()));
        assert!(tree.is_dir());
        leave(&LEAVE.replace("3600", "0"));
        until(|| (!tree.exists()).then_some(()));
    }
}
