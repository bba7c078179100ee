//! Domains of a real libvirt that no desk made.

use uuid::Uuid;
use vmm_testkit::lab::Lab;

use super::lab::virsh;

/// A domain that somebody else defined, for as long as the test runs.
pub(crate) struct Foreign {
    lab: Lab,
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    /// Its definition.
    pub(crate) xml: String,
}

impl Foreign {
    /// One that is off, with a disk of 1 GiB.
    pub(crate) fn define(lab: &Lab) -> Self {
        let uuid = Uuid::new_v4();
        let volume = volume(uuid);
        virsh(lab, &["vol-create-as", &lab.pool, &volume, "1G", "--format", "qcow2"]);
        let path = virsh(lab, &["vol-path", &volume, "--pool", &lab.pool]);
        let disk = format!(
            "<disk type='file'><driver name='qemu' type='qcow2'/><source file='{path}'/><target dev='vda'/></disk>"
        );
        Self::with(lab, uuid, &disk)
    }

    /// One that runs, with nothing but an interface.
    pub(crate) fn running(lab: &Lab) -> Self {
        let foreign = Self::with(lab, Uuid::new_v4(), "");
        virsh(lab, &["start", &foreign.name]);
        foreign
    }

    fn with(lab: &Lab, uuid: Uuid, devices: &str) -> Self {
        let name = format!("foreign-{}", uuid.simple());
        let file = tempfile::NamedTempFile::new().expect("a file");
        let [a, b, c, ..] = uuid.as_bytes();
        let xml = format!(
            "<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><memory>65536</memory><vcpu>1</vcpu>
             <metadata><other:desk xmlns:other='https://example.org/' id='{uuid}'/></metadata>
             <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{devices}
             <interface type='network'><mac address='52:54:00:{a:02x}:{b:02x}:{c:02x}'/>
             <source network='{}'/><model type='virtio'/></interface></devices></domain>",
            lab.network
        );
        std::fs::write(file.path(), xml).expect("it is written");
        virsh(lab, &["define", &file.path().display().to_string()]);
        let xml = virsh(lab, &["dumpxml", &name, "--inactive"]);
        assert!(xml.contains(&name), "virsh defines it");
        Self { lab: lab.clone(), uuid, name, xml }
    }

    /// Where its disk is.
    pub(crate) fn disk(&self) -> String {
        virsh(&self.lab, &["vol-path", &volume(self.uuid), "--pool", &self.lab.pool])
    }
}

fn volume(uuid: Uuid) -> String {
    format!("foreign-{}.qcow2", uuid.simple())
}

impl Drop for Foreign {
    fn drop(&mut self) {
        virsh(&self.lab, &["destroy", &self.name]);
        virsh(&self.lab, &["undefine", &self.name]);
        virsh(&self.lab, &["vol-delete", &volume(self.uuid), "--pool", &self.lab.pool]);
    }
}
