//! Tests of the figures and the history of machines.

use vmm_core::host::DomainState;

use crate::app::App;

const SPEC: &str = "name,os,memory,disk\nweb-1,debian:12,512,2\n";

#[tokio::test]
async fn the_last_hour_is_a_picture() {
    let app = App::new().await;
    let vm = app.desk.provision("r1", SPEC).await.remove(0);
    app.desk.live_an_hour(&vm).await;
    let alice = app.linked("Alice", &app.desk.user).await;
    alice.says("/vm web-1");
    let card = alice.sees("web-1 is on").await;
    alice.presses(&card, "Monitor").answer().await;
    let shown = alice.sees_photo().await;
    let picture = shown.photo.as_ref().unwrap();
    assert!(shown.text.contains("web-1 is running") && picture.bytes.len() < 300_000, "{}", shown.text);
    alice.presses(&shown, "Show the machine").answer().await;
    alice.sees("web-1 is on").await;
}

#[tokio::test]
async fn figures_are_those_of_this_moment() {
    let app = App::new().await;
    let vm = app.desk.provision("r1", SPEC).await.remove(0);
    let alice = app.linked("Alice", &app.desk.user).await;
    app.desk.hypervisor.change_statistics(vm.uuid, |figures| {
        (figures.disks[0].read, figures.disks[0].written) = (1 << 20, 3 << 29);
        (figures.disks[0].capacity, figures.disks[0].allocation) = (2 << 30, 5 << 20);
        (figures.interfaces[0].received, figures.interfaces[0].sent) = (2048, 100);
    });
    alice.says("/monitor web-1");
    let shown = alice.sees("web-1 is running, up ").await;
    for line in [
        "\nCPU: 0.0 % of 1 vCPU\n",
        "\nMemory: 256 of 512 MiB used\n",
        "\nvda: 2 GiB, 5 MiB stored, 1 MiB read, 1.5 GiB written\n",
        "\nvnet0: 2 KiB in, 100 B out\n",
        "\nAddress: 192.0.2.100",
    ] {
        assert!(shown.text.contains(line), "{line} {}", shown.text);
    }
    assert_eq!(shown.labels(), ["Refresh", "Show the machine"]);
    app.desk.hypervisor.set_state(vm.uuid, DomainState::Crashed);
    alice.says("/monitor web-1");
    let shown = alice.sees("has crashed").await;
    assert!(!shown.text.contains("CPU") && !shown.text.contains("vda"), "{}", shown.text);
    app.desk.hypervisor.remove_behind_back(vm.uuid);
    alice.says("/monitor web-1");
    alice.sees("web-1 is unknown (its host has no domain with its id and vmm's tag)").await;
    alice.says("/monitor nowhere");
    alice.sees("nowhere").await;
}
