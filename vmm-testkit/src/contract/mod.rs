//! One suite for each trait of vmm-core; every backend and every fake passes the same one.

pub mod files;
pub mod host;
pub mod mail;
pub mod remote;
pub mod repository;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The texts of all Rust files below a folder.
    fn texts(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).expect("a folder of the crate") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                found.extend(texts(&path));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(fs::read_to_string(path).expect("a text"));
            }
        }
        found
    }

    /// The promises of which nothing makes a test: their names stand nowhere but at their definition.
    fn forgotten(texts: &[String]) -> Vec<String> {
        let mut words: HashMap<&str, usize> = HashMap::new();
        for text in texts {
            for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
                *words.entry(word).or_default() += 1;
            }
        }
        let names = texts.iter().flat_map(|text| text.split("\npub async fn ").skip(1));
        let promises = names.filter_map(|rest| rest.split('(').next());
        promises.filter(|promise| words.get(promise) == Some(&1)).map(str::to_owned).collect()
    }

    #[test]
    fn every_promise_of_every_trait_is_a_test() {
        let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut all = texts(&own.join("src/contract"));
        all.extend(texts(&own.join("tests")));
        assert_eq!(forgotten(&all), Vec::<String>::new());
        // Put together here, since this file is one of those that are read.
        let promise = ["a_promise", "that_no_list_has"].join("_");
        all.push(format!("\npub async fn {promise}(repository: Arc<dyn Repository>) {{}}"));
        assert_eq!(forgotten(&all), [promise]);
    }
    /// The traits of a text that are a part of a host, each with the number of its methods.
    fn parts(text: &str) -> Vec<(String, usize)> {
        let part = |rest: &str| {
            let body = rest.split("\n}\n").next().unwrap_or_default();
            (rest.split(':').next().unwrap_or_default().to_owned(), body.matches("\n    async fn ").count())
        };
        text.split("\npub trait ").skip(1).map(part).filter(|(name, _)| name.starts_with("Host")).collect()
    }

    #[test]
    fn every_part_of_a_host_has_a_file_a_suite_and_ten_methods_at_most() {
        let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let core = own.join("../vmm-core/src/host");
        let root = fs::read_to_string(core.join("mod.rs")).expect("the trait of the whole");
        let handed_out = root.matches("(&self) -> &dyn Host").count() / 2;
        let mut found = 0;
        for entry in fs::read_dir(&core).expect("the folder of the traits") {
            let path = entry.expect("a readable folder").path();
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for (part, methods) in parts(&text) {
                let suite = own.join("src/contract/host").join(path.file_name().expect("a name"));
                let suite = fs::read_to_string(&suite).unwrap_or_default();
                assert!(suite.contains("\npub async fn "), "{part} has no suite");
                assert!((1..=10).contains(&methods), "{part} has {methods} methods");
                assert!(text.contains("/// # Contract"), "{part} has no contract");
                found += 1;
            }
        }
        assert_eq!(found, handed_out);
    }
}
