//! The XML of a domain.

use sha2::{Digest, Sha256};

use super::config::LibvirtConfig;
use super::connection::Driver;
use super::owner::Tag;
use super::storage::DiskFile;
use super::xml::{Element, element};
use crate::host::DomainSpec;
use crate::text::hex;

/// Seconds between two reports of the guest's balloon driver.
const BALLOON_PERIOD: u32 = 10;

/// Everything that a domain's XML is made of.
pub(super) struct DomainXml<'a> {
    pub config: &'a LibvirtConfig,
    pub driver: Driver,
    pub accelerated: bool,
    pub spec: &'a DomainSpec,
    pub disks: Vec<DiskFile>,
    pub seed: Option<DiskFile>,
    pub console_log: Option<String>,
}

impl DomainXml<'_> {
    /// The document, and the tag in it.
    pub(super) fn render(&self) -> (String, Tag) {
        let spec = hex(Sha256::digest(self.domain(None).render()));
        let tag = Tag { desk: self.spec.desk, spec };
        (self.domain(Some(&tag)).render(), tag)
    }

    /// Without a tag it is the part that the specification decides, which is what the tag's hash is made of.
    fn domain(&self, tag: Option<&Tag>) -> Element {
        let spec = self.spec;
        let kind = if tag.is_some() { domain_type(self.driver, self.accelerated) } else { "" };
        element("domain")
            .attribute("type", kind)
            .child(element("name").text(&spec.name))
            .child(element("uuid").text(spec.uuid))
            .children(tag.map(|tag| element("metadata").child(tag.element())))
            .children((!spec.description.is_empty()).then(|| element("description").text(&spec.description)))
            .child(element("memory").attribute("unit", "MiB").text(spec.memory))
            .child(element("vcpu").text(spec.vcpu))
            .child(operating_system(self.driver))
            .child(element("features").child(element("acpi")).child(element("apic")))
            .children(tag.and_then(|_| processor(self.driver, self.accelerated)))
            .child(clock())
            .child(element("on_poweroff").text("destroy"))
            .child(element("on_reboot").text("restart"))
            .child(element("on_crash").text("destroy"))
            .child(self.devices())
    }

    fn devices(&self) -> Element {
        let disks = self.disks.iter().enumerate().map(|(index, file)| disk(&target(index), file, false));
        let seed = self.seed.iter().map(|file| disk(&target(self.disks.len()), file, true));
        element("devices")
            .children(disks)
            .children(seed)
            .child(element("controller").attribute("type", "usb").attribute("index", 0).attribute("model", "none"))
            .child(self.interface())
            .child(serial(self.console_log.as_deref()))
            .child(console())
            .child(agent_channel())
            .child(
                element("memballoon")
                    .attribute("model", "virtio")
                    .child(element("stats").attribute("period", BALLOON_PERIOD)),
            )
            .child(
                element("rng")
                    .attribute("model", "virtio")
                    .child(element("backend").attribute("model", "random").text("/dev/urandom")),
            )
    }

    fn interface(&self) -> Element {
        element("interface")
            .attribute("type", "network")
            .child(element("mac").attribute("address", self.spec.mac))
            .child(element("source").attribute("network", &self.config.network))
            .child(element("model").attribute("type", "virtio"))
    }
}

pub(super) fn domain_type(driver: Driver, accelerated: bool) -> &'static str {
    match (driver, accelerated) {
        (Driver::Test, _) => "test",
        (Driver::Qemu, true) => "kvm",
        (Driver::Qemu, false) => "qemu",
    }
}

pub(super) fn operating_system(driver: Driver) -> Element {
    let kind = match driver {
        Driver::Test => element("type"),
        Driver::Qemu => element("type").attribute("arch", "x86_64").attribute("machine", "q35"),
    };
    element("os").child(kind.text("hvm"))
}

/// The host's own processor when it runs the guest, and everything that QEMU can emulate when it does not.
pub(super) fn processor(driver: Driver, accelerated: bool) -> Option<Element> {
    match (driver, accelerated) {
        (Driver::Test, _) => None,
        (Driver::Qemu, true) => {
            Some(element("cpu").attribute("mode", "host-passthrough").attribute("migratable", "on"))
        }
        (Driver::Qemu, false) => Some(element("cpu").attribute("mode", "maximum")),
    }
}

fn clock() -> Element {
    let timer = |name: &'static str| element("timer").attribute("name", name);
    element("clock")
        .attribute("offset", "utc")
        .child(timer("rtc").attribute("tickpolicy", "catchup"))
        .child(timer("pit").attribute("tickpolicy", "delay"))
        .child(timer("hpet").attribute("present", "no"))
}

/// On virtio, since cloud kernels have no drivers for anything else.
pub(super) fn disk(target: &str, file: &DiskFile, read_only: bool) -> Element {
    let mut driver = element("driver").attribute("name", "qemu").attribute("type", file.format);
    if !read_only {
        driver = driver.attribute("discard", "unmap");
    }
    // The empty element ends the chain: nothing is below, whatever a header says.
    let chain = file.backing.iter().rev().fold(element("backingStore"), |below, path| {
        element("backingStore")
            .attribute("type", "file")
            .child(element("format").attribute("type", "qcow2"))
            .child(element("source").attribute("file", path))
            .child(below)
    });
    element("disk")
        .attribute("type", "file")
        .attribute("device", "disk")
        .child(driver)
        .child(element("source").attribute("file", &file.path))
        .child(chain)
        .child(element("target").attribute("dev", target).attribute("bus", "virtio"))
        .children(read_only.then(|| element("readonly")))
}

/// The first name of a disk that is not taken.
pub(super) fn free_target(taken: &[&str]) -> String {
    (0..).map(target).find(|name| !taken.contains(&name.as_str())).unwrap_or_default()
}

/// `vda`, …, `vdz`, `vdaa`, …
fn target(index: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'a' + (rest % 26) as u8));
        rest /= 26;
    }
    format!("vd{}", letters.iter().rev().collect::<String>())
}

pub(super) fn serial(log: Option<&str>) -> Element {
    element("serial")
        .attribute("type", "pty")
        .children(log.map(|path| element("log").attribute("file", path).attribute("append", "on")))
        .child(element("target").attribute("port", 0))
}

fn console() -> Element {
    element("console")
        .attribute("type", "pty")
        .child(element("target").attribute("type", "serial").attribute("port", 0))
}

fn agent_channel() -> Element {
    element("channel")
        .attribute("type", "unix")
        .child(element("target").attribute("type", "virtio").attribute("name", "org.qemu.guest_agent.0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_are_named_like_the_kernel_names_them() {
        let names: Vec<_> = [0, 1, 25, 26, 27, 701, 702].map(target).into();
        assert_eq!(names, ["vda", "vdb", "vdz", "vdaa", "vdab", "vdzz", "vdaaa"]);
    }
}
