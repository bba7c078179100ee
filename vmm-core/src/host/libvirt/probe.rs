//! The probe that guests really run on KVM: found out by running one.

use std::time::{Duration, Instant};

use virt::domain::Domain;
use virt::storage_pool::StoragePool;
use virt::sys;

use super::config::LibvirtConfig;
use super::connection::{Driver, Session};
use super::domain_xml::{domain_type, operating_system, processor, serial};
use super::error::{Result, optional};
use super::xml::{Element, element};
use super::{console, content, host, storage};
use crate::config::VirtType;

/// Made from `probe.s`.
const BOOT_SECTOR: &[u8; 512] = include_bytes!("probe.bin");

/// The line that the guest writes when it is done.
const SIGN: &[u8] = b"vmm-probe-ok";

/// Smaller disks have no cylinder, and the firmware does not boot from them.
const DISK: u64 = 1 << 20;

/// A sound host needs well under a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns whether guests shall run on hardware virtualisation.
pub(super) fn accelerated(session: &Session, config: &LibvirtConfig) -> Result<bool> {
    match (session.driver, config.virt_type) {
        (Driver::Test, _) | (_, VirtType::Qemu) => Ok(false),
        (Driver::Qemu, VirtType::Kvm) => Ok(true),
        (Driver::Qemu, VirtType::Auto) => Ok(host::advertises_kvm(session)? && runs(session, config)?),
    }
}

fn runs(session: &Session, config: &LibvirtConfig) -> Result<bool> {
    let pool = storage::pool(session, &config.pool)?;
    // By desk, so that what a killed process left behind is found and replaced.
    let name = format!("vmm-probe-{}", config.desk);
    let log = format!("{name}.log");
    remove(session, &pool, &name, &log)?;
    let seen = watch(session, &pool, &name, &log);
    let removed = remove(session, &pool, &name, &log);
    let answer = seen?;
    removed?;
    if !answer {
        tracing::warn!("KVM is advertised, but a guest does not run on it; guests will be emulated");
    }
    Ok(answer)
}

fn watch(session: &Session, pool: &StoragePool, name: &str, log: &str) -> Result<bool> {
    content::write(session, pool, name, BOOT_SECTOR, DISK)?;
    console::create(pool, log)?;
    let xml = guest(name, &console::path(pool, name)?, &console::path(pool, log)?).render();
    // It ends with the connection, also when that is cut.
    let flags = sys::VIR_DOMAIN_START_AUTODESTROY | sys::VIR_DOMAIN_START_VALIDATE;
    let Ok(_guest) = session.connect.create_domain_xml(&xml, flags) else {
        return Ok(false);
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let said = console::tail(session, pool, log, 4096)?;
        if said.windows(SIGN.len()).any(|window| window == SIGN) {
            return Ok(true);
        }
        if Instant::now() > deadline {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn guest(name: &str, disk: &str, log: &str) -> Element {
    let disk = element("disk")
        .attribute("type", "file")
        .attribute("device", "disk")
        .child(element("driver").attribute("name", "qemu").attribute("type", "raw"))
        .child(element("source").attribute("file", disk))
        .child(element("backingStore"))
        .child(element("target").attribute("dev", "vda").attribute("bus", "virtio"))
        .child(element("readonly"));
    element("domain")
        .attribute("type", domain_type(Driver::Qemu, true))
        .child(element("name").text(name))
        .child(element("memory").attribute("unit", "MiB").text(64))
        .child(element("vcpu").text(1))
        .child(operating_system(Driver::Qemu))
        .child(element("features").child(element("acpi")))
        .children(processor(Driver::Qemu, true))
        .child(element("on_reboot").text("destroy"))
        .child(
            element("devices")
                .child(disk)
                .child(element("controller").attribute("type", "usb").attribute("model", "none"))
                .child(serial(Some(log)))
                .child(element("memballoon").attribute("model", "none")),
        )
}

fn remove(session: &Session, pool: &StoragePool, name: &str, log: &str) -> Result<()> {
    let left: Option<Domain> = optional(session.connect.lookup_domain_by_name(name), sys::VIR_ERR_NO_DOMAIN)?;
    if let Some(domain) = left {
        // It may switch itself off just now.
        let _ = domain.destroy();
    }
    storage::delete(pool, name)?;
    storage::delete(pool, log)
}
