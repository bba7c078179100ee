//! The rules of the house that are cheap to check.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

mod circles;

use circles::House;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a crate stands in the workspace").to_owned()
}

/// Every Rust file below a folder with its text, without the test modules at their ends.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a text");
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The names under one table of a manifest.
fn dependencies(manifest: &str, table: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest).join("Cargo.toml")).expect("a manifest");
    text.lines()
        .skip_while(|line| line.trim() != format!("[{table}]"))
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn files_with(folder: &str, needle: &str) -> Vec<String> {
    let root = root();
    let mut files: Vec<_> = sources(folder)
        .into_iter()
        .filter(|(_, text)| text.contains(needle))
        .map(|(path, _)| path.strip_prefix(&root).expect("below the root").display().to_string())
        .collect();
    files.sort();
    files
}

#[test]
fn front_ends_stand_on_the_core_and_not_on_each_other_or_on_what_is_below_it() {
    for front_end in ["vmm-http", "vmm-bot"] {
        let dependencies = dependencies(front_end, "dependencies");
        assert!(dependencies.contains(&"vmm-core".to_owned()));
        for forbidden in ["vmm-http", "vmm-bot", "vmm-testkit", "rusqlite", "virt", "ssh2"] {
            assert!(!dependencies.contains(&forbidden.to_owned()), "{front_end} depends on {forbidden}");
        }
    }
}

#[test]
fn the_core_stands_on_no_other_crate_of_the_workspace() {
    for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
        let own: Vec<_> = dependencies("vmm-core", table).into_iter().filter(|name| name.starts_with("vmm-")).collect();
        assert!(own.is_empty(), "vmm-core's {table} name {own:?}");
    }
}

#[test]
fn only_the_gate_makes_audit_entries_and_only_known_places_do_work_that_nobody_asked_for() {
    assert_eq!(files_with("vmm-core/src", "= AuditEntry {"), ["vmm-core/src/desk/gate.rs"]);
    assert_eq!(
        files_with("vmm-core/src", ".unguarded()"),
        [
            "vmm-core/src/desk/gate.rs",
            "vmm-core/src/ops/account/link.rs",
            "vmm-core/src/ops/account/session.rs",
            "vmm-core/src/ops/bot/mail.rs",
            "vmm-core/src/ops/desk/health.rs",
            "vmm-core/src/ops/desk/idempotency.rs",
            "vmm-core/src/worker/mod.rs"
        ]
    );
}

#[test]
fn unsafe_code_stands_in_the_libvirt_ffi_module_alone() {
    for folder in ["vmm-core/src", "vmm-http/src", "vmm-bot/src", "vmm-testkit/src", "examples"] {
        for file in files_with(folder, "unsafe ") {
            assert_eq!(file, "vmm-core/src/host/libvirt/ffi.rs");
        }
    }
}

#[test]
fn sql_stands_in_the_sqlite_repository_alone() {
    for (path, text) in sources("vmm-core/src") {
        if !path.to_string_lossy().contains("repository/sqlite") {
            assert!(!text.contains("SELECT ") && !text.contains("INSERT INTO"), "{} has SQL", path.display());
        }
    }
}

#[test]
fn the_core_reads_no_environment() {
    assert!(files_with("vmm-core/src", "std::env").is_empty());
}

/// The floors of the core, the lowest first. A module uses those below its own and, on its own floor, those that do not
/// use it.
const FLOORS: [&[&str]; 8] = [
    &["blocking", "config", "crash", "error", "mac", "model", "process", "text"],
    &["attempts", "budget", "image", "password", "policy"],
    &["files", "host", "mail", "remote", "repository"],
    &["planning", "secrets", "seed"],
    &["desk"],
    &["job", "script"],
    &["ops"],
    &["worker"],
];
/// The ground floor is one house: errors name what models are, and models fail with errors.
const GROUND: usize = 0;

fn floor(module: &str) -> usize {
    let found = FLOORS.iter().position(|modules| modules.contains(&module));
    found.unwrap_or_else(|| panic!("the module {module} of vmm-core stands on no floor"))
}

/// The modules of the core's root that a text uses: by a path that begins with `crate::`, or with so many `super::`
/// that it ends there. `exported` tells where a name of the root comes from.
fn used(text: &str, depth: usize, exported: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let climbs = "super::".repeat(depth);
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for start in ["crate::", climbs.as_str()] {
        for (at, _) in code.match_indices(start) {
            let rest = &code[at + start.len()..];
            if code[..at].ends_with("super::") || code[..at].ends_with("$") || rest.starts_with("super::") {
                continue;
            }
            let names: Vec<&str> = match rest.strip_prefix('{') {
                Some(group) => group.split('}').next().unwrap_or_default().split(',').map(str::trim).collect(),
                None => vec![rest],
            };
            for name in names {
                let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let module =
                    if FLOORS.concat().contains(&name.as_str()) { Some(name.clone()) } else { exported(&name) };
                found.extend(module);
            }
        }
    }
    found
}

/// The arrows between the core's modules, each with a file that draws it.
fn arrows(sources: &[(String, String)], root: &str) -> BTreeMap<(String, String), String> {
    let exported = |name: &str| {
        let exports = root.split("pub use ").skip(1).map(|export| export.split(';').next().unwrap_or_default());
        let from = exports.filter(|export| export.split(|c: char| !c.is_alphanumeric()).any(|word| word == name));
        from.filter_map(|export| export.split("::").next()).map(str::to_owned).next()
    };
    let mut arrows = BTreeMap::new();
    for (path, text) in sources.iter().filter(|(path, _)| path != "lib.rs") {
        let path_of_module = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let module = path_of_module.split('/').next().unwrap_or_default();
        for other in used(text, path_of_module.split('/').count(), &exported) {
            if other != module {
                arrows.entry((module.to_owned(), other)).or_insert_with(|| path.clone());
            }
        }
    }
    arrows
}

/// The arrows that do not point down.
fn crossed(sources: &[(String, String)], root: &str) -> Vec<String> {
    let arrows = arrows(sources, root);
    let goes_up = |(from, to): &(String, String)| {
        let (above, below) = (floor(from), floor(to));
        below > above || below == above && below != GROUND && arrows.contains_key(&(to.clone(), from.clone()))
    };
    let told = |((from, to), path): (&(String, String), &String)| format!("{from} uses {to} ({path})");
    arrows.iter().filter(|(arrow, _)| goes_up(arrow)).map(told).collect()
}

fn core() -> (Vec<(String, String)>, String) {
    let sources = files_of("vmm-core");
    let root = sources.iter().find(|(path, _)| path == "lib.rs").expect("the root").1.clone();
    (sources, root)
}

#[test]
fn every_arrow_inside_the_core_points_down() {
    let (sources, root) = core();
    assert_eq!(crossed(&sources, &root), Vec::<String>::new());
}

#[test]
fn an_arrow_that_points_up_is_found_however_it_is_written() {
    let (mut sources, root) = core();
    for (path, text, told) in [
        ("job/more.rs", "use crate::ops::Vm;", "job uses ops"),
        ("job/more/deep.rs", "use super::super::super::ops::Vm;", "job uses ops"),
        ("desk/more.rs", "use crate::{model::Vm, script::Task};", "desk uses script"),
        ("policy/more.rs", "fn any() { crate::desk::any() }", "policy uses desk"),
        ("model/more.rs", "use crate::Health;", "model uses desk"),
        ("files/more.rs", "use crate::host::Host;\n", ""),
    ] {
        sources.push((path.to_owned(), text.to_owned()));
        let found = crossed(&sources, &root);
        assert_eq!(found.len(), usize::from(!told.is_empty()), "{text}: {found:?}");
        assert!(found.iter().all(|arrow| arrow.starts_with(told)), "{text}: {found:?}");
        sources.pop();
    }
}

/// The crates whose files are held against the rules of all files.
const CRATES: [&str; 4] = ["vmm-core", "vmm-http", "vmm-bot", "vmm-testkit"];

/// Returns the files of a crate by their paths below its `src`.
fn files_of(name: &str) -> Vec<(String, String)> {
    let folder = root().join(name).join("src");
    let relative = |path: &Path| path.strip_prefix(&folder).expect("below it").to_string_lossy().into_owned();
    sources(&format!("{name}/src")).into_iter().map(|(path, text)| (relative(&path), text)).collect()
}

/// The number of lines that a file has at most, without the tests at its end.
const LONGEST_FILE: usize = 400;
/// Files that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 1] = [("vmm-testkit/src/contract/remote.rs", "a suite of tests")];

#[test]
fn no_file_is_longer_than_400_lines_outside_tables_and_tests() {
    for name in CRATES {
        for (path, text) in files_of(name) {
            let (path, lines) = (format!("{name}/src/{path}"), text.lines().count());
            let reason = LONG_FILES.iter().find(|(long, _)| *long == path).map(|(_, reason)| reason);
            assert!(
                lines <= LONGEST_FILE || reason.is_some(),
                "{path} has {lines} lines; split it by what it is about"
            );
            assert!(lines > LONGEST_FILE || reason.is_none(), "{path} is not long; take it off the list");
        }
    }
}

/// Returns one line for each arrow of each circle among the files of a crate.
fn circles_of(name: &str, files: &[(String, String)]) -> Vec<Vec<String>> {
    let house = House::read(name, files);
    let told = |(from, to): &(String, String), by: &[String]| {
        format!("{name}/src/{from} uses {name}/src/{to}: {}", by.join(", "))
    };
    let circles = house.circles().into_iter();
    circles.map(|circle| circle.iter().map(|(arrow, by)| told(arrow, by)).collect()).collect()
}

#[test]
fn no_files_but_parent_and_child_use_each_other_in_a_circle() {
    for name in CRATES {
        let circles = circles_of(name, &files_of(name));
        assert_eq!(circles, Vec::<Vec<String>>::new(), "files of {name} use each other in a circle");
    }
}

#[test]
fn a_circle_of_files_is_found_however_it_is_written() {
    let circle = |files: &[(&str, &str)]| {
        let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let circles = circles_of("vmm-core", &files);
        assert!(circles.len() <= 1, "{circles:?}");
        circles.into_iter().next().map_or(0, |arrows| arrows.len())
    };
    let root = ("lib.rs", "mod room; mod other;\npub use other::Thing;");
    let facade = ("room/mod.rs", "mod one; mod two;\npub(crate) use self::{one::One, two::{self, Two as Second}};");
    let one = ("room/one.rs", "use super::two::Two;\npub(crate) struct One(Two);");
    let circle_of_two = |back: &str| circle(&[root, facade, one, ("room/two.rs", back)]);
    for back in [
        "use super::one::One;",
        "use super::{super::room::{one::{self}}};\nfn any() { one::any() }",
        "use crate::room::One;",
        "use vmm_core::room::One as First;",
        "use super::*;\nfn any(one: One) {}",
        "use super as up;\nfn any(one: up::One) {}",
        "fn any() { crate::room::one::any() }",
        "fn any(one: &'a super::One) -> char { '\\'' }",
        "const TEXT: &str = r#\"\" // \"#; fn any() { super :: One::any() }",
        "macro_rules! any { () => { $crate::room::One } }",
    ] {
        assert_eq!(circle_of_two(back), 2, "{back}");
    }
    for back in [
        "pub(crate) struct Two;",
        "// use super::one::One;\n/* crate::room::one::any() */\nconst TEXT: &str = \"super::One\";",
        "use super::two;\nfn any(name: Name::One) { own.one::<One>() }",
    ] {
        assert_eq!(circle_of_two(back), 0, "{back}");
    }
    // A parent and a child may use each other; a circle through both of them and a third file is one.
    let parent = ("room/mod.rs", "mod one; struct Own(one::One);");
    let child = ("room/one.rs", "use super::Own; use crate::other::Thing; struct One;");
    assert_eq!(circle(&[root, parent, child, ("other.rs", "pub struct Thing;")]), 0);
    assert_eq!(circle(&[root, parent, child, ("other.rs", "use crate::room::Own; pub struct Thing;")]), 3);
    let child = ("room/one.rs", "use super::Own; struct One;");
    let parent = ("room/mod.rs", "mod one; use crate::Thing; struct Own(Thing);");
    assert_eq!(circle(&[root, parent, child, ("other.rs", "use crate::room::one::One; pub struct Thing;")]), 3);
}

/// Returns the numbers of a version, without what stands behind a sign.
fn version(text: &str) -> Vec<u64> {
    let numbers = text.split(['+', '-']).next().unwrap_or_default().split('.');
    numbers.map(|number| number.parse().expect("a version is numbers")).collect()
}

/// Returns whether two versions are of one line: Cargo takes the newer one in place of the older one.
fn of_one_line(one: &[u64], other: &[u64]) -> bool {
    let length = if one[0] == 0 { 2 } else { 1 };
    one[..length] == other[..length]
}

fn escapes(locked: &str, advisory: &toml::Table) -> bool {
    let locked = version(locked);
    let text = |value: &toml::Value| version(value.as_str().expect("a text"));
    let patched: Vec<_> =
        advisory.get("patched").and_then(toml::Value::as_array).into_iter().flatten().map(text).collect();
    advisory.get("affected_from").is_some_and(|from| locked < text(from))
        || patched.iter().max().is_some_and(|patched| locked >= *patched)
        || patched.iter().any(|patched| of_one_line(patched, &locked) && locked >= *patched)
}

#[test]
fn no_locked_crate_has_a_hole_that_is_known_unless_the_list_says_why_it_does_no_harm() {
    let read = |name: &str| -> toml::Table {
        fs::read_to_string(root().join(name)).expect("a file").parse().expect("a file of TOML")
    };
    let (lock, list) = (read("Cargo.lock"), read("docs/advisories.toml"));
    let packages = lock["package"].as_array().expect("packages");
    assert!(list["date"].is_datetime());
    for advisory in list["advisory"].as_array().expect("advisories") {
        let advisory = advisory.as_table().expect("an advisory");
        let (id, name) = (advisory["id"].as_str().expect("an id"), advisory["crate"].as_str().expect("a crate"));
        let locked = packages.iter().filter(|package| package["name"].as_str() == Some(name));
        let versions: Vec<_> = locked.filter_map(|package| package["version"].as_str()).collect();
        assert!(!versions.is_empty(), "{name} is not locked; take {id} off the list");
        let reason = advisory.get("accepted").and_then(toml::Value::as_str);
        let open: Vec<_> = versions.iter().filter(|locked| !escapes(locked, advisory)).collect();
        assert_eq!(open.is_empty(), reason.is_none(), "{id} and {name} {open:?}: accepted for {reason:?}");
    }
}

/// A file that its program of tests does not name is not compiled, and its tests pass nobody's eyes.
#[test]
fn every_file_of_tests_is_part_of_its_program() {
    for folder in ["vmm-bot/tests/it", "vmm-http/tests/it", "vmm-testkit/tests/it", "examples/tests/it"] {
        let files = sources(folder);
        let lines: Vec<_> = files.iter().flat_map(|(_, text)| text.lines().map(str::trim)).collect();
        for (path, _) in &files {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = match stem.as_ref() {
                "main" => continue,
                "mod" => path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy(),
                _ => stem,
            };
            let named = lines.iter().any(|line| line.ends_with(&format!("mod {name};")));
            assert!(named, "{} is named by no mod line", path.display());
        }
    }
}
