//! The promises of a hypervisor, held by the fake, by libvirt's test driver, and by real libvirt.

mod changed;
mod foreign;
mod full_pool;
mod lab;
mod outage;
mod restless_host;

mod fake {
    use uuid::Uuid;
    use vmm_core::host::{AddressPool, DomainState};
    use vmm_core::model::{DeskId, PauseReason};
    use vmm_testkit::contract::host::{Outside, Subject};
    use vmm_testkit::fake::host::FakeHypervisor;

    async fn subject(_promise: &str) -> Option<Subject> {
        let (desk, other) = (DeskId(Uuid::new_v4()), DeskId(Uuid::new_v4()));
        let hypervisor = FakeHypervisor::new(desk);
        let range = ([192, 0, 2, 2].into(), [192, 0, 2, 254].into());
        hypervisor.change_host(|host| host.address_pool = Some(AddressPool { ranges: vec![range], taken: Vec::new() }));
        let (elsewhere, host) = (hypervisor.for_desk(other), hypervisor.clone());
        let hands = hypervisor.clone();
        let outside = move |what, uuid| {
            let state = match what {
                Outside::Pause => DomainState::Paused(PauseReason::User),
                Outside::Save => DomainState::Saved,
            };
            hands.set_state(uuid, state);
        };
        let subject = Subject::new(hypervisor, desk, move || host.add_foreign("A foreign machine"), ());
        Some(subject.with_other(elsewhere, other).with_outside(outside))
    }

    vmm_testkit::hypervisor_contract!(subject);
}

mod restless {
    use uuid::Uuid;
    use vmm_core::model::DeskId;
    use vmm_testkit::contract::host::Subject;
    use vmm_testkit::fake::host::FakeHypervisor;
    use vmm_testkit::fake::host::Restless;

    async fn subject(_promise: &str) -> Option<Subject> {
        let (desk, other) = (DeskId(Uuid::new_v4()), DeskId(Uuid::new_v4()));
        let hypervisor = FakeHypervisor::new(desk);
        let (elsewhere, host) = (Restless::new(hypervisor.for_desk(other)), hypervisor.clone());
        Some(
            Subject::new(Restless::new(hypervisor), desk, move || host.add_foreign("A foreign machine"), ())
                .with_other(elsewhere, other),
        )
    }

    vmm_testkit::hypervisor_contract!(subject);
}

mod test_driver {
    use uuid::Uuid;
    use vmm_core::host::libvirt::{LibvirtConfig, LibvirtHypervisor};
    use vmm_core::host::{DomainState, Start};
    use vmm_core::model::{DeskId, PauseReason};
    use vmm_testkit::contract::host::Subject;

    const NODE: &str = "<node xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
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
      <domain type='test'>
        <name>paused</name><uuid>11111111-2222-3333-4444-000000000001</uuid>
        <memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>
        <test:runstate>3</test:runstate>
      </domain>
      <domain type='test'>
        <name>saved</name><uuid>11111111-2222-3333-4444-000000000002</uuid>
        <memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>
        <test:runstate>5</test:runstate><test:hasmanagedsave/>
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

    /// Nobody can pause or save a domain of the test driver from outside; two of its node are so from the beginning.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_paused_and_a_saved_domain_are_told_and_switched() {
        let subject = subject("paused and saved").await.expect("it needs nothing");
        let hypervisor = &subject.hypervisor;
        let [paused, saved] = [1, 2].map(|number| Uuid::from_u128(0x11111111_2222_3333_4444_000000000000 + number));
        for uuid in [paused, saved] {
            hypervisor.adoption().adopt(uuid).await.expect("it is nobody's");
        }
        let states = async || {
            let listed = hypervisor.domains().list().await.expect("it answers");
            for domain in &listed {
                let one = hypervisor.domains().by_id(domain.uuid).await.expect("it answers").expect("it is there");
                assert_eq!(one.state, domain.state);
            }
            listed.into_iter().map(|domain| domain.state).collect::<Vec<_>>()
        };
        let held = DomainState::Paused(PauseReason::Other);
        assert_eq!(states().await, [held, DomainState::Saved]);
        hypervisor.domains().stop(saved).await.expect("it has no power");
        hypervisor.domains().resume(paused).await.expect("it is paused");
        assert_eq!(states().await, [DomainState::Running, DomainState::Saved]);
        assert!(
            hypervisor.domains().discard_saved(paused).await.is_err()
                && hypervisor.domains().resume(saved).await.is_err()
        );
        for _ in 0..2 {
            hypervisor.domains().discard_saved(saved).await.expect("it is saved");
            assert_eq!(states().await, [DomainState::Running, DomainState::Off]);
        }
        assert_eq!(hypervisor.domains().start(saved).await.expect("it is off"), Start::Booted);
    }

    vmm_testkit::hypervisor_contract!(subject);
}

mod real {
    use std::sync::{Arc, Mutex};

    use uuid::Uuid;
    use vmm_core::host::libvirt::{LibvirtConfig, LibvirtHypervisor, VirtType};
    use vmm_core::model::DeskId;
    use vmm_testkit::contract::host::{Outside, Subject};
    use vmm_testkit::lab::Lab;

    use super::foreign::Foreign;
    use super::lab::virsh;

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
        let outside = move |what, uuid: Uuid| {
            let command = match what {
                Outside::Pause => "suspend",
                Outside::Save => "managedsave",
            };
            virsh(&lab, &[command, &uuid.to_string()]);
        };
        Some(Subject::new(hypervisor, desk, foreign, keep).with_other(elsewhere, other).with_outside(outside))
    }

    vmm_testkit::hypervisor_contract!(subject);
}
