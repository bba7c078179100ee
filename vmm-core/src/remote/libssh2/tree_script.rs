//! What a machine's shell does for a directory.

use super::shell::{DIGEST, quoted};

/// What a script says when it is done. Its exit code alone proves nothing: a missing one reads as 0.
pub(super) const DONE: &str = "vmm: done";
/// What it says when it takes an archive.
pub(super) const READY: &[u8] = b"vmm: ready\n";

/// What a script ends with where it cannot do its work.
pub(super) mod exit {
    pub(in super::super) const DIRECTORY_MISSING: i32 = 91;
    pub(in super::super) const NO_DIRECTORY: i32 = 92;
    pub(in super::super) const CLOSED: i32 = 93;
    pub(in super::super) const IN_THE_WAY: i32 = 94;
    pub(in super::super) const NOT_EMPTY: i32 = 95;
    pub(in super::super) const NO_TOOLS: i32 = 96;
    pub(in super::super) const TREE_MISSING: i32 = 97;
    pub(in super::super) const TREE_CLOSED: i32 = 98;
}

/// The places of an upload, as the machine sees them.
pub(super) struct Paths {
    pub(super) directory: String,
    pub(super) target: String,
    /// Where the tree is unpacked, beside the target.
    pub(super) temporary: String,
    /// Where a tree that is replaced steps to.
    pub(super) aside: String,
}

impl Paths {
    fn set(&self) -> String {
        let Self { directory, target, temporary, aside } = self;
        let [directory, target, temporary, aside] = [directory, target, temporary, aside].map(|path| quoted(path));
        format!("LC_ALL=C; export LC_ALL; unset TAR_OPTIONS\nd={directory} g={target} t={temporary} a={aside}\n{TOOLS}")
    }

    /// Checks the place, says [`READY`], and unpacks the archive on standard input.
    pub(super) fn unpack(&self, replace: bool) -> String {
        let empty = if replace { "" } else { EMPTY };
        format!("{}{PLACE}{empty}{UNPACK}", self.set())
    }

    /// Puts what was unpacked in place, when it is on the disk.
    pub(super) fn place(&self, replace: bool) -> String {
        let there = if replace { REPLACE } else { "exit 95" };
        format!("{}{PLACE}{SYNC}if [ -d \"$g\" ] && ! rmdir \"$g\" 2>/dev/null; then {there}; {MOVE}", self.set())
    }

    /// Removes what a failed upload has left, and sets back what stepped aside.
    pub(super) fn tidy(&self) -> String {
        format!("{}{TIDY}", self.set())
    }
}

const TOOLS: &str = "for tool in tar xargs; do command -v $tool >/dev/null 2>&1 || exit 96; done\n";

const PLACE: &str = "[ -d \"$d\" ] || { [ -e \"$d\" ] && exit 92; exit 91; }\n\
                     [ -w \"$d\" ] && [ -x \"$d\" ] || exit 93\n\
                     if [ -L \"$g\" ] || { [ -e \"$g\" ] && ! [ -d \"$g\" ]; }; then exit 94; fi\n";

const EMPTY: &str = "[ -d \"$g\" ] && [ -n \"$(ls -A \"$g\")\" ] && exit 95\n";

/// Nothing is sent before it is said that the directory is there: whoever tidies up later finds it. One whose archive
/// breaks off is removed at once.
const UNPACK: &str = "mkdir -m 700 \"$t\" && cd \"$t\" || exit 94\necho 'vmm: ready'\n\
                      tar -xpf - && echo 'vmm: done' && exit 0\n\
                      code=$?; chmod -R u+rwx \"$t\"; rm -rf \"$t\"; exit $code\n";

/// The file system's own, where `sync` can do that.
const SYNC: &str = "sync -f \"$t\" 2>/dev/null || sync\n";

/// At once where `mv` can exchange two directories (coreutils 9.5). Elsewhere there is none at its place for a moment.
const REPLACE: &str = "if mv --exchange -T \"$t\" \"$g\" 2>/dev/null; then o=$t; else\n\
                       mv -T \"$g\" \"$a\" || exit 94\n\
                       mv -T \"$t\" \"$g\" || { mv -T \"$a\" \"$g\"; exit 94; }\n\
                       o=$a; fi\n\
                       chmod -R u+rwx \"$o\"; rm -rf \"$o\"";

const MOVE: &str = "else mv -T \"$t\" \"$g\" || exit 94; fi\necho 'vmm: done'\n";

/// Whoever still unpacks there ends as soon as its input has.
const TIDY: &str = "if [ -e \"$a\" ] && ! [ -e \"$g\" ]; then mv -T \"$a\" \"$g\"; fi\n\
                    for try in 1 2 3 4 5 6 7 8 9 10; do\n\
                    chmod -R u+rwx \"$t\" \"$a\" 2>/dev/null; rm -rf \"$t\" \"$a\" 2>/dev/null\n\
                    [ -e \"$t\" ] || [ -e \"$a\" ] || { echo 'vmm: done'; exit 0; }\n\
                    sleep 0.2 2>/dev/null || sleep 1\n\
                    done\n";

/// Writes an archive of a directory to standard output. Further names of a file are copies, where `tar` can do that.
pub(super) fn pack(directory: &str, target: &str) -> String {
    let (directory, target) = (quoted(directory), quoted(target));
    format!("LC_ALL=C; export LC_ALL; unset TAR_OPTIONS\nd={directory} g={target}\n{TOOLS}{PACK}")
}

const PACK: &str = "[ -d \"$d\" ] || { [ -e \"$d\" ] && exit 92; exit 91; }\n\
                    [ -x \"$d\" ] || exit 93\n\
                    [ -d \"$g\" ] || { [ -e \"$g\" ] && exit 94; exit 97; }\n\
                    cd \"$g\" && [ -r . ] || exit 98\n\
                    h=; tar --hard-dereference --help >/dev/null 2>&1 && h=--hard-dereference\n\
                    exec tar $h -cf - .\n";

/// The digest of files below a directory, one after the other, whose names come on standard input.
pub(super) fn digest(target: &str) -> String {
    format!("{DIGEST}cd {} && xargs -0 cat -- | digest\n", quoted(target))
}
