//! The rules of the house that are cheap to check.

use std::fs;
use std::path::{Path, PathBuf};

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
    assert_eq!(files_with("vmm-core/src", "= AuditEntry {"), ["vmm-core/src/vmm/gate.rs"]);
    assert_eq!(
        files_with("vmm-core/src", ".own_work()"),
        [
            "vmm-core/src/job/worker.rs",
            "vmm-core/src/ops/bot.rs",
            "vmm-core/src/ops/health.rs",
            "vmm-core/src/ops/idempotency.rs",
            "vmm-core/src/ops/link.rs",
            "vmm-core/src/ops/session.rs",
            "vmm-core/src/vmm/gate.rs"
        ]
    );
}

#[test]
fn unsafe_code_stands_in_the_libvirt_ffi_module_alone() {
    for folder in ["vmm-core/src", "vmm-http/src", "vmm-bot/src", "vmm-testkit/src", "examples"] {
        for file in files_with(folder, "unsafe ") {
            assert_eq!(file, "vmm-core/src/hypervisor/libvirt/ffi.rs");
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

/// The numbers of a version, without what stands behind a sign.
fn version(text: &str) -> Vec<u64> {
    let numbers = text.split(['+', '-']).next().unwrap_or_default().split('.');
    numbers.map(|number| number.parse().expect("a version is numbers")).collect()
}

/// Whether two versions are of one line: Cargo takes the newer one in place of the older one.
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
