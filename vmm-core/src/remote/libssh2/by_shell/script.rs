//! The work of a machine's shell on a file.

use super::super::shell::{DIGEST, quoted};
use crate::remote::Place;

/// The line that a script writes when it takes the file.
pub(super) const READY: &str = "vmm: ready";
/// The line that a script writes when a piece is in the file.
pub(super) const HAS_IT: &str = "vmm: has it";
/// The line that a script writes when it is done. Its exit code alone proves nothing: a missing one reads as 0.
pub(super) const DONE: &str = "vmm: done";
/// The line that a script writes when the file is in its place.
pub(super) const PLACED: &str = "vmm: placed";
/// The words before the size of a file that a script sends.
const SIZE: &str = "vmm: size ";

/// The exit codes of a script that cannot do its work.
pub(super) mod exit {
    pub(in super::super) const DIRECTORY_MISSING: i32 = 91;
    pub(in super::super) const NO_DIRECTORY: i32 = 92;
    pub(in super::super) const CLOSED: i32 = 93;
    pub(in super::super) const DIRECTORY: i32 = 94;
    pub(in super::super) const NO_FILE: i32 = 95;
    pub(in super::super) const NO_TOOLS: i32 = 96;
    pub(in super::super) const MISSING: i32 = 97;
    pub(in super::super) const FILE_CLOSED: i32 = 98;
    pub(in super::super) const GONE: i32 = 99;
    pub(in super::super) const CLOSED_FOR_WRITING: i32 = 100;
    pub(in super::super) const NO_DIGEST: i32 = 101;
}

/// Enters the directory.
fn enter(place: &Place) -> String {
    format!("LC_ALL=C; export LC_ALL\nd={} g={}\n{ENTER}", quoted(&place.directory_path()), below(place.file()))
}

/// A file of the directory that was entered.
fn below(name: &str) -> String {
    quoted(&format!("./{name}"))
}

const ENTER: &str = "[ -d \"$d\" ] || { [ -e \"$d\" ] && exit 92; exit 91; }\ncd \"$d\" 2>/dev/null || exit 93\n";

/// Takes a file on standard input from the byte `from` on, under another name, and says its digest. Each piece comes
/// behind a line with its length, and the length 0 ends them.
pub(super) fn take(place: &Place, temporary: &str, from: u64, mode: Option<u32>) -> String {
    let mode = mode.map_or_else(String::new, |mode| format!("{mode:o}"));
    format!(
        "{}t={} n={from} m={mode}\n{DIGEST}{COMPARES}{TOOLS}{LOOK}if [ -e \"$t\" ]; then\n{ALONE}{BACK}else\n{MAKE}fi\n{TAKE}{DRESS}",
        enter(place),
        below(temporary)
    )
}

const COMPARES: &str = "command -v openssl >/dev/null 2>&1 || command -v sha256sum >/dev/null 2>&1 || exit 101\n";

const TOOLS: &str = "command -v mv >/dev/null 2>&1 && dd count=0 iflag=fullblock </dev/null 2>/dev/null || exit 96\n";

/// A link is replaced, not what it points to.
const LOOK: &str = "[ -d \"$g\" ] && exit 94\n[ -L \"$g\" ] || ! [ -e \"$g\" ] || [ -f \"$g\" ] || exit 95\n\
                    o=; if [ -f \"$g\" ] && ! [ -L \"$g\" ]; then\n\
                    o=$(stat -c %u:%g \"$g\" 2>/dev/null); [ \"$m\" ] || m=$(stat -c %a \"$g\" 2>/dev/null)\nfi\n\
                    [ -z \"$m\" ] || { m=000$m; m=${m#${m%???}}; umask 077; }\n";

/// Ends those who still write to the file for a connection that was lost: they have it open under this number.
const ALONE: &str = "for i in 1 2 3; do\nfor w in /proc/[0-9]*; do\n\
                     [ \"$w/fd/3\" -ef \"$t\" ] && kill -9 ${w#/proc/}\ndone 2>/dev/null\ndone\n";

/// Whoever comes back cuts off what was not confirmed.
const BACK: &str = "chmod u+rw \"$t\"; [ $(wc -c <\"$t\") -ge $n ] || exit 99\n\
                    if [ $n = 0 ]; then : >\"$t\"; else dd if=/dev/null of=\"$t\" bs=1 seek=$n count=0 2>/dev/null; fi\n\
                    [ $(wc -c <\"$t\") = $n ] || exit 99\n";

/// The directory may be closed, or its disk full or read-only.
const MAKE: &str = "[ $n = 0 ] || exit 99\n\
                    e=$( { set -C; : >\"$t\"; } 2>&1) || { case $e in *denied*|*permitted*) exit 100;; esac; \
                    echo \"$e\" >&2; exit 90; }\n\
                    [ \"$m\" ] || chmod go-w \"$t\"\n";

/// `dd` takes no byte more than it is told. What is left at once, before anything has come, is removed.
const TAKE: &str = "exec 3>>\"$t\"\necho 'vmm: ready'\nl=\n\
                    while read -r l && [ \"$l\" != 0 ]; do\n\
                    e=$(dd bs=$l count=1 iflag=fullblock 2>&1 >&3) || { echo \"$e\" >&2; exit 90; }\n\
                    n=$((n+l)); echo 'vmm: has it'\ndone\n\
                    [ \"$l\" = 0 ] || { [ $n != 0 ] || rm -f \"$t\"; exit 99; }\n\
                    exec 3>&-\nsync \"$t\" 2>/dev/null || sync\ndigest <\"$t\"\n";

/// Only root can give a file away; anybody else's new file is the user's own.
const DRESS: &str = "[ -z \"$o\" ] || chown \"$o\" \"$t\" 2>/dev/null\n[ -z \"$m\" ] || chmod $m \"$t\" || exit 90\n\
                     echo 'vmm: done'\n";

/// Puts the file in its place, or says the digest of what is there if it has gone there already.
pub(super) fn place(place: &Place, temporary: &str) -> String {
    format!("{}t={}\n{DIGEST}{PLACE}", enter(place), below(temporary))
}

/// Without -T a file moves into a directory of its new name.
const PLACE: &str = "if [ -e \"$t\" ]; then\n[ -d \"$g\" ] && exit 94\n\
                     mv -fT \"$t\" \"$g\" 2>/dev/null || mv -f \"$t\" \"$g\" || exit 90\necho 'vmm: placed'\n\
                     else digest <\"$g\"; fi\n";

/// Removes what a failed upload has left, and says the digest of what is in its place if that was asked for.
pub(super) fn tidy(place: &Place, temporary: &str, whether_placed: bool) -> String {
    let placed = if whether_placed { "[ -e \"$t\" ] || digest <\"$g\"\n" } else { "" };
    format!(
        "{}t={}\n{DIGEST}{placed}if [ -e \"$t\" ]; then\n{ALONE}rm -f \"$t\"\nfi\n[ -e \"$t\" ] || echo 'vmm: done'\n",
        enter(place),
        below(temporary)
    )
}

/// Says a file's size and sends it from the byte `from` on, and then its digest. A file without a size is sent up to
/// its end. Once the size is known, so much is sent.
pub(super) fn give(place: &Place, from: u64, size: Option<u64>) -> String {
    let size = size.map_or_else(String::new, |size| size.to_string());
    format!("{}f={from} s={size}\n{DIGEST}{COMPARES}{GIVE}", enter(place))
}

const GIVE: &str = "[ -e \"$g\" ] || exit 97\n[ -d \"$g\" ] && exit 94\n[ -f \"$g\" ] || exit 95\n\
                    [ -r \"$g\" ] || exit 98\n\
                    command -v head >/dev/null 2>&1 && command -v tail >/dev/null 2>&1 || exit 96\n\
                    z=$(stat -L -c %s \"$g\" 2>/dev/null || wc -c <\"$g\")\necho \"vmm: size $z\"\n\
                    s=${s:-$z}\n[ $z -ge $s ] || exit\n\
                    if [ $s = 0 ]; then exec cat \"$g\"; fi\n\
                    if [ $f = 0 ]; then head -c $s \"$g\"\n\
                    elif [ $f != $s ]; then tail -c +$((f+1)) \"$g\" | head -c $((s-f)); fi\n\
                    head -c $s \"$g\" | digest\n";

/// A file's size.
pub(super) fn said_size(line: &str) -> Option<u64> {
    line.strip_prefix(SIZE)?.trim().parse().ok()
}
