//! The facts of a domain's XML: everything in it, by name, but what varies by itself or is written by libvirt alone.

use roxmltree::Node;

use super::xml::{find, text_at};
use crate::model::{Facts, MacAddress};

/// The elements that say nothing of the machine itself: who it is, what only people read, and what hosts add.
const IGNORED_IN_DOMAIN: &[&str] = &["name", "uuid", "title", "description", "metadata", "seclabel", "devices"];

/// The elements that libvirt gives a device by itself. The chain of a disk is read from the files.
const IGNORED_IN_DEVICE: &[&str] = &["alias", "address", "seclabel", "mirror", "privateData"];

/// The attributes of a source that say where it is.
const PLACES: &[&str] = &["network", "bridge", "dev", "pool", "volume", "protocol", "name", "dir", "type"];

pub(super) fn of(root: Node<'_, '_>) -> Facts {
    let mut facts = Facts::default();
    if let Some(kind) = root.attribute("type") {
        facts.add("type", kind);
    }
    parts(&mut facts, "", root, IGNORED_IN_DOMAIN);
    let devices = find(root, &["devices"]).into_iter().flat_map(|node| node.children());
    for node in devices.filter(|node| node.is_element() && !is_added_by_libvirt(*node)) {
        device(&mut facts, node);
    }
    facts
}

/// Devices that libvirt puts into every definition, some only from a later version on.
fn is_added_by_libvirt(device: Node<'_, '_>) -> bool {
    let has = |name, value| device.attribute(name) == Some(value);
    match device.tag_name().name() {
        // The ports that other devices are plugged into.
        "controller" => has("type", "pci"),
        "input" => has("bus", "ps2"),
        "audio" => has("type", "none"),
        "watchdog" => has("model", "itco"),
        _ => false,
    }
}

fn device(facts: &mut Facts, node: Node<'_, '_>) {
    let kind = node.tag_name().name();
    let attribute = |name| node.attribute(name).unwrap_or_default();
    let name = match kind {
        "disk" => format!("disk {}", target(node)),
        "interface" => format!("interface {}", text_of_mac(node)),
        "controller" => format!("controller {} {}", attribute("type"), attribute("index")),
        _ => kind.to_owned(),
    };
    let summary = match kind {
        "disk" | "interface" => source(node),
        "emulator" => node.text().map(str::to_owned),
        _ => ["model", "type", "bus", "name"].iter().find_map(|name| node.attribute(*name)).map(str::to_owned),
    };
    let name = facts.add(name, summary.unwrap_or_else(|| "empty".to_owned()));
    let prefix = format!("{name}: ");
    for attribute in node.attributes() {
        facts.add(format!("{prefix}{}", attribute.name()), attribute.value());
    }
    if kind == "disk" && find(node, &["backingStore"]).is_some() {
        facts.add(format!("{prefix}chain in the definition"), written_chain(node));
    }
    parts(facts, &prefix, node, IGNORED_IN_DEVICE);
}

/// The facts of an element's children, under their names behind `prefix`.
fn parts(facts: &mut Facts, prefix: &str, parent: Node<'_, '_>, ignored: &[&str]) {
    let is_part = |node: &Node<'_, '_>| {
        let name = node.tag_name().name();
        node.is_element() && !ignored.contains(&name) && name != "backingStore"
    };
    for node in parent.children().filter(is_part) {
        let name = format!("{prefix}{}", words(node.tag_name().name()));
        let mut is_empty = true;
        for attribute in node.attributes() {
            is_empty = false;
            if !is_told_elsewhere(node, attribute.name()) {
                let value = machine_family(node, attribute.name(), attribute.value());
                facts.add(format!("{name} {}", attribute.name()), value);
            }
        }
        let text = node.text().map(str::trim).filter(|text| !text.is_empty());
        if let Some(text) = text {
            facts.add(name.as_str(), sized(node, text));
        } else if is_empty && !node.children().any(|child| child.is_element()) {
            facts.add(name.as_str(), "present");
        }
        parts(facts, &format!("{name} "), node, IGNORED_IN_DEVICE);
    }
}

/// Returns whether an attribute is in another fact: a unit in its number's, a place in that of its device. The number
/// that libvirt gives a file while its domain runs is in none.
fn is_told_elsewhere(node: Node<'_, '_>, attribute: &str) -> bool {
    let device = node.parent().map(|parent| parent.tag_name().name());
    match (device, node.tag_name().name()) {
        (Some("disk" | "interface"), "source") => PLACES.contains(&attribute) || matches!(attribute, "file" | "index"),
        (Some("disk"), "target") => attribute == "dev",
        (Some("interface"), "mac") => attribute == "address",
        _ => attribute == "unit",
    }
}

/// libvirt's names of elements as people read them.
fn words(element: &str) -> &str {
    match element {
        "currentMemory" => "current memory",
        "maxMemory" => "maximum memory",
        other => other,
    }
}

/// A size in MiB where it is one.
fn sized(node: Node<'_, '_>, text: &str) -> String {
    match (node.attribute("unit"), text.parse::<u64>()) {
        (Some("KiB"), Ok(kib)) if kib % 1024 == 0 => format!("{} MiB", kib / 1024),
        (Some(unit), _) => format!("{text} {unit}"),
        (None, _) => text.to_owned(),
    }
}

/// `q35` and `pc-q35-7.2` are one kind of machine: libvirt writes the version that it has.
fn machine_family(node: Node<'_, '_>, attribute: &str, value: &str) -> String {
    if attribute != "machine" || !node.has_tag_name("type") {
        return value.to_owned();
    }
    let value = value.strip_prefix("pc-").unwrap_or(value);
    let is_version = |text: &str| text.contains('.') && text.bytes().all(|c| c.is_ascii_digit() || c == b'.');
    match value.rsplit_once('-') {
        Some((family, version)) if is_version(version) => family.to_owned(),
        _ => value.to_owned(),
    }
}

/// The name of a disk in the guest.
pub(super) fn target<'a>(disk: Node<'a, '_>) -> &'a str {
    find(disk, &["target"]).and_then(|target| target.attribute("dev")).unwrap_or_default()
}

fn text_of_mac<'a>(interface: Node<'a, '_>) -> &'a str {
    find(interface, &["mac"]).and_then(|mac| mac.attribute("address")).unwrap_or_default()
}

pub(super) fn mac(interface: Node<'_, '_>) -> Option<MacAddress> {
    text_of_mac(interface).parse().ok()
}

/// Where a disk's content or an interface's network is.
fn source(device: Node<'_, '_>) -> Option<String> {
    let source = find(device, &["source"])?;
    let path = ["file", "dev"].iter().find_map(|kind| source.attribute(*kind)).filter(|_| device.has_tag_name("disk"));
    if let Some(path) = path {
        return Some(path.to_owned());
    }
    let told: Vec<_> = PLACES.iter().filter_map(|kind| Some(format!("{kind} {}", source.attribute(*kind)?))).collect();
    Some(told.join(", ")).filter(|told| !told.is_empty())
}

/// The files that the XML itself says a disk stands on.
fn written_chain(disk: Node<'_, '_>) -> String {
    let mut files = Vec::new();
    let mut next = find(disk, &["backingStore"]);
    while let Some(store) = next {
        if let Some(file) = source(store).or_else(|| Some(find(store, &["source"])?.attribute("file")?.to_owned())) {
            let format = find(store, &["format"]).and_then(|format| format.attribute("type")).unwrap_or("no format");
            files.push(format!("{file} ({format})"));
        }
        next = find(store, &["backingStore"]);
    }
    if files.is_empty() { "nothing".to_owned() } else { files.join(" on ") }
}

pub(super) fn vcpu(root: Node<'_, '_>) -> Option<u32> {
    let node = find(root, &["vcpu"])?;
    node.attribute("current").or_else(|| node.text())?.trim().parse().ok()
}

/// In MiB; libvirt writes KiB.
pub(super) fn memory(root: Node<'_, '_>) -> u32 {
    let kib: Option<u64> = text_at(root, &["memory"]).and_then(|text| text.trim().parse().ok());
    u32::try_from(kib.unwrap_or_default() / 1024).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<domain type='qemu' id='7'><name>web-1</name><title>t</title>
        <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>1000</currentMemory>
        <vcpu placement='static' current='1'>2</vcpu>
        <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type><boot dev='hd'/></os>
        <features><acpi/></features><cputune><shares>7</shares></cputune>
        <devices>
          <disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>
            <source file='/p/top' index='1'/>
            <backingStore type='file'><format type='qcow2'/><source file='/p/base'/><backingStore/></backingStore>
            <target dev='vda' bus='virtio'/><address type='pci' slot='1'/><alias name='x'/></disk>
          <interface type='network'><mac address='52:54:00:00:00:01'/><source network='default'/></interface>
          <controller type='pci' index='1'/><controller type='usb' index='0' model='none'/>
          <input type='mouse' bus='ps2'/><rng model='virtio'/><rng model='virtio'/>
        </devices></domain>";

    fn facts(xml: &str) -> Facts {
        of(roxmltree::Document::parse(xml).expect("it is XML").root_element())
    }

    #[test]
    fn every_part_of_a_definition_is_a_fact() {
        let facts = facts(XML);
        let expected = [
            ("controller usb 0", "none"),
            ("controller usb 0: index", "0"),
            ("controller usb 0: model", "none"),
            ("controller usb 0: type", "usb"),
            ("cputune shares", "7"),
            ("current memory", "1000 KiB"),
            ("disk vda", "/p/top"),
            ("disk vda: chain in the definition", "/p/base (qcow2)"),
            ("disk vda: device", "disk"),
            ("disk vda: driver cache", "none"),
            ("disk vda: driver name", "qemu"),
            ("disk vda: driver type", "qcow2"),
            ("disk vda: target bus", "virtio"),
            ("disk vda: type", "file"),
            ("features acpi", "present"),
            ("interface 52:54:00:00:00:01", "network default"),
            ("interface 52:54:00:00:00:01: type", "network"),
            ("memory", "1024 MiB"),
            ("os boot dev", "hd"),
            ("os type", "hvm"),
            ("os type arch", "x86_64"),
            ("os type machine", "q35"),
            ("rng", "virtio"),
            ("rng #2", "virtio"),
            ("rng #2: model", "virtio"),
            ("rng: model", "virtio"),
            ("type", "qemu"),
            ("vcpu", "2"),
            ("vcpu current", "1"),
            ("vcpu placement", "static"),
        ];
        assert_eq!(facts.iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_varies_by_itself_is_no_fact() {
        let moved = XML
            .replace("pc-q35-7.2", "pc-q35-9.1")
            .replace("slot='1'", "slot='9'")
            .replace("index='1'/>\n            <backing", "index='4'/>\n            <backing")
            .replace("<title>t</title>", "<description>d</description><metadata><a/></metadata>")
            .replace("<controller type='pci' index='1'/>", "<audio id='1' type='none'/>")
            .replace("id='7'", "id='8'")
            .replace("<name>web-1</name>", "<name>other</name>");
        assert_eq!(facts(&moved), facts(XML));
    }
}
