//! The rules of the crate's sources that are cheap to check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::specified::operations;

/// The names, relative to `folder`, of every file of sources below it, with their texts up to their unit tests.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let (mut found, mut open) = (Vec::new(), vec![folder.clone()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
                found.push((path.strip_prefix(&folder).unwrap().to_owned(), text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The texts in quotes in a line of code that is no comment.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    code.split('"').skip(1).step_by(2)
}

#[test]
fn a_path_of_the_specification_stands_at_its_operation_alone() {
    let paths: BTreeSet<_> = operations().map(|operation| operation.path).collect();
    let names_a_path =
        |text: &str| text.len() > 1 && text.starts_with('/') && paths.iter().any(|p| p.starts_with(text));
    let mut wrong = Vec::new();
    // What stands in page/ is below the page's own path.
    for (file, text) in sources("src").into_iter().filter(|(file, _)| !file.starts_with("page")) {
        for line in text.lines().filter(|line| !line.contains("#[oai(path")) {
            wrong.extend(
                literals(line).filter(|text| names_a_path(text)).map(|text| format!("{}: {text}", file.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_resource_has_the_same_name_here_as_in_the_core() {
    let stem = |file: &Path| file.file_stem().unwrap().to_string_lossy().into_owned();
    let names = |folder: &str| sources(folder).into_iter().map(|(file, _)| file).collect::<Vec<_>>();
    let models: Vec<_> = names("../vmm-core/src/model").iter().map(|file| stem(file)).collect();
    let operations = names("../vmm-core/src/ops");
    for file in names("src/api").iter().filter(|file| file.components().count() == 2 && stem(file) != "mod") {
        let subject = file.parent().unwrap();
        let known = operations.iter().filter(|known| known.starts_with(subject)).map(|known| stem(known));
        let name = stem(file);
        let is_of = |known: &str| name == known || name.starts_with(&format!("{known}_"));
        let found = known.chain(models.iter().cloned()).any(|known| is_of(&known));
        assert!(found, "{} has no namesake in vmm-core's ops/{} or model", file.display(), subject.display());
    }
}
