//! The real libvirt that tests run against, as `make test` or `vmm-testkit/lab/lab` sets it up.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Where the lab is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lab {
    /// libvirt's address.
    pub uri: String,
    /// The storage pool.
    pub pool: String,
    /// The network.
    pub network: String,
}

impl Lab {
    /// The lab that `VMM_LIBVIRT_URI`, `VMM_POOL` and `VMM_NETWORK` name; `None` without the first.
    pub fn from_env() -> Option<Self> {
        let uri = variable("VMM_LIBVIRT_URI")?;
        let or_default = |name, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
        Some(Self { uri, pool: or_default("VMM_POOL", "vmm"), network: or_default("VMM_NETWORK", "default") })
    }

    /// A lab whose libvirt cannot be reached, for programs that need no host.
    pub fn unreachable() -> Self {
        let uri = "qemu+unix:///system?socket=/nonexistent/libvirt-sock".to_owned();
        Self { uri, pool: "vmm".to_owned(), network: "default".to_owned() }
    }

    /// The lab, or `None` and a loud word about the test that cannot run without it.
    ///
    /// # Panics
    /// Without a lab when `VMM_LAB_REQUIRED` is `1`: there a skipped test is a failed one.
    pub fn or_skip(test: &str) -> Option<Self> {
        let lab = Self::from_env();
        if lab.is_none() {
            skip(test, "VMM_LIBVIRT_URI is not set");
        }
        lab
    }

    /// The guest image of this name (`tiny`, `debian`): what `VMM_IMAGE_TINY` and the like name, otherwise what
    /// `lab image` gives, which builds it when it is not there yet.
    ///
    /// # Panics
    /// When the image cannot be had and `VMM_LAB_REQUIRED` is `1`.
    pub fn image(&self, name: &str) -> Option<PathBuf> {
        let path = self.find_image(name);
        if path.is_none() {
            skip(&format!("guest image {name}"), "neither the environment nor the lab has it");
        }
        path
    }

    /// The guest image of this name, as [`image`](Self::image) finds it; `None` when it cannot be had.
    pub fn find_image(&self, name: &str) -> Option<PathBuf> {
        variable(&format!("VMM_IMAGE_{}", name.to_ascii_uppercase()))
            .map(PathBuf::from)
            .or_else(|| build(name).filter(|path| path.is_file()))
    }

    /// Runs a command of the lab's script and gives what it printed; `None` if it failed.
    pub fn run(arguments: &[&str]) -> Option<String> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/lab");
        let output = Command::new(script).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Says loudly that a test does not run.
///
/// # Panics
/// When `VMM_LAB_REQUIRED` is `1`.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must see it")]
pub fn skip(test: &str, reason: &str) {
    assert!(variable("VMM_LAB_REQUIRED").as_deref() != Some("1"), "{test} cannot run: {reason}");
    eprintln!("SKIPPED: {test}: {reason}; run make test");
}

fn build(name: &str) -> Option<PathBuf> {
    Lab::run(&["image", name]).map(PathBuf::from)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
