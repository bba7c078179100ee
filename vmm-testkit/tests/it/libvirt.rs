//! The promises of a hypervisor, held by the fake, by libvirt's test driver, and by real libvirt.

mod foreign;
mod lab;
mod outage;

mod fake {
    use uuid::Uuid;
    use vmm_core::model::DeskId;
    use vmm_testkit::contract::hypervisor::Subject;
    use vmm_testkit::fake::hypervisor::FakeHypervisor;

    async fn subject(_promise: &str) -> Option<Subject> {
        let (desk, other) = (DeskId(Uuid::new_v4()), DeskId(Uuid::new_v4()));
        let hypervisor = FakeHypervisor::new(desk);
        let (elsewhere, host) = (hypervisor.for_desk(other), hypervisor.clone());
        Some(
            Subject::new(hypervisor, desk, move || host.add_foreign("A foreign machine"), ())
                .with_other(elsewhere, other),
        )
    }

    vmm_testkit::hypervisor_contract!(subject);
}

mod test_driver {
    use uuid::Uuid;
    use vmm_core::hypervisor::libvirt::{LibvirtConfig, LibvirtHypervisor};
    use vmm_core::model::DeskId;
    use vmm_testkit::contract::hypervisor::Subject;

    const NODE: &str = "<node>
      <cpu><mhz>3000</mhz><model>i686</model><active>8</active><nodes>1</nodes><sockets>1</sockets>
        <cores>8</cores><threads>1</threads></cpu>
      <memory>8388608</memory>
      <network>
        <name>default</name><bridge name='virbr0'/><forward/>
        <ip address='192.168.122.1' netmask='255.255.255.0'>
          <dhcp><range start='192.168.122.128' end='192.168.122.253'/></dhcp>
        </ip>
      </network>
      <domain type='test'>
        <name>A foreign machine</name><uuid>11111111-2222-3333-4444-555555555555</uuid>
        <memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>
        <devices><interface type='network'><mac address='52:54:00:00:00:09'/><source network='default'/></interface></devices>
      </domain>
      <pool type='dir'><name>vmm</name><target><path>/vmm-test-pool</path></target></pool>
    </node>";

    async fn subject(_promise: &str) -> Option<Subject> {
        let directory = tempfile::tempdir().expect("a directory");
        let node = directory.path().join("node.xml");
        std::fs::write(&node, NODE).expect("it is written");
        let desk = DeskId(Uuid::new_v4());
        let mut config = LibvirtConfig::new(desk);
        config.uri = format!("test://{}", node.display());
        "vmm".clone_into(&mut config.pool);
        let foreign = || Uuid::from_u128(0x11111111_2222_3333_4444_555555555555);
        Some(Subject::new(LibvirtHypervisor::new(config), desk, foreign, directory))
    }

    vmm_testkit::hypervisor_contract!(subject);
}

mod real {
    use std::sync::{Arc, Mutex};

    use uuid::Uuid;
    use vmm_core::hypervisor::libvirt::{LibvirtConfig, LibvirtHypervisor, VirtType};
    use vmm_core::model::DeskId;
    use vmm_testkit::contract::hypervisor::Subject;
    use vmm_testkit::lab::Lab;

    use super::foreign::Foreign;

    pub(crate) fn config(lab: &Lab, desk: DeskId) -> LibvirtConfig {
        let mut config = LibvirtConfig::new(desk);
        config.uri.clone_from(&lab.uri);
        config.pool.clone_from(&lab.pool);
        config.network.clone_from(&lab.network);
        config.virt_type = VirtType::Qemu;
        config
    }

    pub(crate) async fn subject(promise: &str) -> Option<Subject> {
        let lab = Lab::or_skip(promise)?;
        let (desk, other) = (DeskId(Uuid::new_v4()), DeskId(Uuid::new_v4()));
        let elsewhere = LibvirtHypervisor::new(config(&lab, other));
        let made = Arc::new(Mutex::new(Vec::new()));
        let (host, keep) = (lab.clone(), Arc::clone(&made));
        let foreign = move || {
            let foreign = Foreign::running(&host);
            let uuid = foreign.uuid;
            made.lock().expect("no test panicked in here").push(foreign);
            uuid
        };
        let hypervisor = LibvirtHypervisor::new(config(&lab, desk));
        Some(Subject::new(hypervisor, desk, foreign, keep).with_other(elsewhere, other))
    }

    vmm_testkit::hypervisor_contract!(subject);
}
