//! Machines: which there are, how they are, and their power.

use super::{Chat, shows};
use crate::app::App;

#[tokio::test]
async fn the_manual_shows_machines() {
    let app = App::new().await;
    let spec = "name,os,memory,disk,count,description\nweb,debian:12,2048,20;100,11,the shop\n";
    let vm = app.desk.provision("r1", spec).await.remove(10);
    app.desk.live_an_hour(&vm).await;
    app.desk.hypervisor.change_statistics(vm.uuid, |figures| {
        let sizes = [(20 << 30, 3 << 30, 1 << 30, 5 << 28), (100 << 30, 9 << 30, 7 << 30, 11 << 30)];
        for (disk, (capacity, allocation, read, written)) in figures.disks.iter_mut().zip(sizes) {
            (disk.capacity, disk.allocation, disk.read, disk.written) = (capacity, allocation, read, written);
        }
        (figures.interfaces[0].received, figures.interfaces[0].sent) = (3 << 30, 9 << 30);
    });
    let alice = app.linked("Alice", &app.desk.user).await;
    let mut chat = Chat::new(&alice);
    alice.says("/vms");
    let list = alice.sees("page 1").await;
    alice.presses(&list, "More »").answer().await;
    let list = alice.sees_edit(&list, "page 2").await;
    alice.presses(&list, "web-11").answer().await;
    let card = alice.sees_edit(&list, "web-11 is on").await;
    shows("## Machines", &chat.said());

    alice.says("/monitor web-11");
    let figures = alice.sees_photo().await;
    let (_, uptime) = figures.text.lines().next().and_then(|line| line.split_once(", up ")).unwrap();
    let size = figures.photo.map(|photo| format!(", {} bytes>", photo.bytes.len())).unwrap();
    let said = chat.said().replace(&format!(", up {uptime}\n"), ", up 3 d 4 h\n").replace(&size, ">");
    shows("## The load of a machine", &said);

    alice.presses(&card, "Power off").answer().await;
    let question = alice.sees_edit(&card, "Power off web-11?").await;
    alice.presses(&question, "Yes, power off").answer().await;
    let done = alice.sees_edit(&question, "was powered off").await;
    alice.presses(&done, "Show the machine").answer().await;
    alice.sees_edit(&done, "is off").await;
    shows("## Power", &chat.said());
}
