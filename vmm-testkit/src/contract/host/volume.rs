//! Promises about volumes.

use std::path::Path;

use vmm_core::host::{NewVolume, Volume};
use vmm_core::image::InspectedImage;
use vmm_core::model::VolumeName;

use super::subject::{Subject, assert_conflict, assert_invalid, assert_not_found, assert_unsupported};
use crate::image::{CLUSTER, empty_qcow2, put};

const GIB: u64 = 1 << 30;

fn new(name: VolumeName, capacity: u64, backing: Option<&VolumeName>) -> NewVolume {
    NewVolume { name, capacity, backing: backing.cloned() }
}

/// The same volume twice is one volume.
pub async fn creating_a_volume_is_safe_to_repeat(subject: &Subject) {
    let base = subject.create("base.qcow2", GIB).await;
    let overlay = new(subject.volume("overlay.qcow2"), 2 * GIB, Some(&base));
    let first = subject.hypervisor.volumes().create(&overlay).await.expect("it is created");
    let second = subject.hypervisor.volumes().create(&overlay).await.expect("it is there");
    assert_eq!(first, second);
    assert_eq!((first.name, first.capacity), (overlay.name, 2 * GIB));
    assert!(!first.path.is_empty());
}

/// Another size or another base under a taken name changes nothing.
pub async fn a_volume_of_another_description_is_a_conflict(subject: &Subject) {
    let base = subject.create("base.qcow2", GIB).await;
    let other = subject.create("other.qcow2", GIB).await;
    let overlay = new(subject.volume("overlay.qcow2"), GIB, Some(&base));
    let first = subject.hypervisor.volumes().create(&overlay).await.expect("it is created");
    for (capacity, backing) in [(2 * GIB, Some(&base)), (GIB, Some(&other)), (GIB, None)] {
        let clash = new(overlay.name.clone(), capacity, backing);
        assert_conflict(&subject.hypervisor.volumes().create(&clash).await);
    }
    assert_eq!(subject.hypervisor.volumes().create(&overlay).await.expect("it is there"), first);
}

/// And what it stands on must exist.
pub async fn an_overlay_is_at_least_as_large_as_what_it_stands_on(subject: &Subject) {
    let base = subject.create("base.qcow2", 2 * GIB).await;
    let missing = subject.volume("missing.qcow2");
    let name = subject.volume("overlay.qcow2");
    assert_invalid(&subject.hypervisor.volumes().create(&new(name.clone(), GIB, Some(&base))).await);
    assert_not_found(&subject.hypervisor.volumes().create(&new(name.clone(), GIB, Some(&missing))).await);
    let volumes = subject.hypervisor.volumes().list().await.expect("it answers");
    assert!(volumes.iter().all(|volume| volume.name != name));
}

/// It keeps its name, path and what it stands on; the second call answers as the first did; it never becomes smaller.
pub async fn a_volume_grows_and_never_shrinks(subject: &Subject) {
    let base = subject.create("base.qcow2", GIB).await;
    let overlay = new(subject.volume("overlay.qcow2"), GIB, Some(&base));
    let before = subject.hypervisor.volumes().create(&overlay).await.expect("it is created");
    if !subject.capabilities().await.volume_resize {
        assert_unsupported(&subject.hypervisor.volumes().resize(&overlay.name, 2 * GIB).await);
        return;
    }
    for _ in 0..2 {
        let after = subject.hypervisor.volumes().resize(&overlay.name, 3 * GIB).await.expect("it grows");
        assert_eq!(after, Volume { capacity: 3 * GIB, ..before.clone() });
        assert!(subject.hypervisor.volumes().list().await.expect("it answers").contains(&after));
    }
    assert_conflict(&subject.hypervisor.volumes().resize(&overlay.name, 2 * GIB).await);
    assert_not_found(&subject.hypervisor.volumes().resize(&subject.volume("missing"), GIB).await);
    let grown = new(overlay.name, 3 * GIB, Some(&base));
    subject.hypervisor.volumes().create(&grown).await.expect("it is there as described");
}

/// A missing volume is deleted already.
pub async fn deleting_a_volume_is_safe_to_repeat(subject: &Subject) {
    let name = subject.create("disk.qcow2", GIB).await;
    for _ in 0..2 {
        subject.hypervisor.volumes().delete(&name).await.expect("it is gone");
    }
    let volumes = subject.hypervisor.volumes().list().await.expect("it answers");
    assert!(volumes.iter().all(|volume| volume.name != name));
}

/// And it is as soon as nothing stands on it any more; what it stands on itself does not matter.
pub async fn what_stands_below_another_volume_is_not_deleted(subject: &Subject) {
    let base = subject.create("base.qcow2", GIB).await;
    let middle = new(subject.volume("middle.qcow2"), GIB, Some(&base));
    let top = new(subject.volume("top.qcow2"), GIB, Some(&middle.name));
    for overlay in [&middle, &top] {
        subject.hypervisor.volumes().create(overlay).await.expect("it is created");
    }
    for (below, above) in [(&base, &middle.name), (&middle.name, &top.name)] {
        let refused = subject.hypervisor.volumes().delete(below).await;
        assert_conflict(&refused);
        let reason = refused.expect_err("it is refused").to_string();
        assert!(reason.contains(above.as_str()), "{reason}");
    }
    for name in [&top.name, &middle.name, &base] {
        subject.hypervisor.volumes().delete(name).await.expect("nothing stands on it");
    }
}

/// A volume is in use whether its domain runs or not.
pub async fn what_a_domain_of_any_owner_uses_is_not_deleted(subject: &Subject) {
    let mut desks = vec![(subject.hypervisor.clone(), subject.desk)];
    desks.extend(subject.other.clone());
    for (index, (hypervisor, desk)) in desks.into_iter().enumerate() {
        let volume = subject.create(&format!("disk-{index}.qcow2"), GIB).await;
        let spec = subject.spec(&format!("user-{index}"));
        let spec = vmm_core::host::DomainSpec { desk, disks: vec![volume.clone()], ..spec };
        hypervisor.definitions().define(&spec).await.expect("it is defined");
        for start in [false, true] {
            if start {
                hypervisor.domains().start(spec.uuid).await.expect("it starts");
            }
            let refused = subject.hypervisor.volumes().delete(&volume).await;
            assert_conflict(&refused);
            let reason = refused.expect_err("it is refused").to_string();
            assert!(reason.contains(spec.name.as_str()), "{reason}");
        }
        hypervisor.domains().stop(spec.uuid).await.expect("it stops");
        hypervisor.definitions().undefine(spec.uuid).await.expect("it is gone");
        subject.hypervisor.volumes().delete(&volume).await.expect("nothing uses it");
    }
}

/// Those that are missing are left out; what changes a volume changes its stamp.
pub async fn volumes_are_inspected_as_they_are(subject: &Subject) {
    let base = subject.create("base.qcow2", GIB).await;
    let overlay = new(subject.volume("overlay.qcow2"), GIB, Some(&base));
    subject.hypervisor.volumes().create(&overlay).await.expect("it is created");
    let names = [overlay.name.clone(), subject.volume("missing.qcow2"), base.clone()];
    let found = subject.hypervisor.volumes().inspect(&names).await.expect("it answers");
    assert_eq!(found.iter().map(|found| &found.volume.name).collect::<Vec<_>>(), [&overlay.name, &base]);
    assert_eq!((found[0].backing.as_ref(), found[1].backing.as_ref()), (Some(&found[1].volume.path), None));
    assert_eq!(subject.hypervisor.volumes().inspect(&names).await.expect("it answers"), found);
    if !subject.capabilities().await.volume_content {
        return;
    }
    assert!(found.iter().all(|found| found.qcow2), "{found:?}");
    let seed = subject.volume("seed.iso");
    let mut stamps = Vec::new();
    for bytes in [b"one", b"two"] {
        subject.hypervisor.volumes().write(&seed, bytes).await.expect("it is written");
        let found = subject.hypervisor.volumes().inspect(std::slice::from_ref(&seed)).await.expect("it answers");
        assert!(!found[0].qcow2);
        stamps.push(found[0].stamp.clone());
    }
    assert_ne!(stamps[0], stamps[1]);
}

/// Whoever wrote it.
pub async fn the_checksum_of_a_volume_is_that_of_its_file(subject: &Subject) {
    if !subject.capabilities().await.volume_content {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let image = write(&directory, "image.qcow2", &empty_qcow2(GIB));
    let name = subject.volume("image.qcow2");
    subject.hypervisor.volumes().import(&name, &inspected(&image)).await.expect("it is imported");
    let expected = vmm_core::image::checksum(&image).expect("it is read");
    assert_eq!(subject.hypervisor.volumes().checksum(&name).await.expect("it is read"), expected);
    assert_not_found(&subject.hypervisor.volumes().checksum(&subject.volume("missing")).await);
}

/// Each with its size.
pub async fn volumes_are_listed_in_order_of_name(subject: &Subject) {
    for (name, size) in [("c", 3 * GIB), ("a", GIB), ("b", 2 * GIB)] {
        subject.create(name, size).await;
    }
    let volumes = subject.hypervisor.volumes().list().await.expect("it answers");
    assert!(volumes.is_sorted_by(|a, b| a.name < b.name));
    let names = ["a", "b", "c"].map(|name| subject.volume(name));
    let own: Vec<_> = volumes.iter().filter(|volume| names.contains(&volume.name)).collect();
    assert_eq!(own.iter().map(|volume| volume.capacity).collect::<Vec<_>>(), [GIB, 2 * GIB, 3 * GIB]);
}

/// A finished copy is kept, one of another size stands in the way.
pub async fn importing_is_safe_to_repeat(subject: &Subject) {
    let directory = tempfile::tempdir().expect("a directory");
    let image = write(&directory, "image.qcow2", &empty_qcow2(GIB));
    let name = subject.volume("image.qcow2");
    if !subject.capabilities().await.volume_content {
        assert_unsupported(&subject.hypervisor.volumes().import(&name, &inspected(&image)).await);
        return;
    }
    let first = subject.hypervisor.volumes().import(&name, &inspected(&image)).await.expect("it is imported");
    assert_eq!((&first.name, first.capacity), (&name, GIB));
    assert_eq!(subject.hypervisor.volumes().import(&name, &inspected(&image)).await.expect("it is there"), first);
    assert!(subject.hypervisor.volumes().list().await.expect("it answers").contains(&first));
    let overlay = new(subject.volume("overlay.qcow2"), 2 * GIB, Some(&name));
    subject.hypervisor.volumes().create(&overlay).await.expect("it can stand on the image");

    let other = write(&directory, "other.qcow2", &empty_qcow2(2 * GIB));
    assert_conflict(&subject.hypervisor.volumes().import(&name, &inspected(&other)).await);
}

/// A file that is written into after it was inspected leaves no volume, or one with the content that was inspected.
pub async fn what_is_stored_of_an_image_is_what_was_inspected(subject: &Subject) {
    if !subject.capabilities().await.volume_content {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let mut bytes = empty_qcow2(GIB);
    bytes.resize(3 << 20, 7);
    for (name, changed, kept) in [("head", 24, true), ("tables", 2 * CLUSTER, false), ("end", bytes.len() - 1, false)] {
        let (path, name) = (write(&directory, name, &bytes), subject.volume(name));
        let image = inspected(&path);
        let mut other = bytes.clone();
        put(&mut other, changed, &[0xee]);
        std::fs::write(&path, other).expect("room");
        let imported = subject.hypervisor.volumes().import(&name, &image).await;
        if kept {
            imported.expect("what was changed is in memory");
            assert_eq!(subject.hypervisor.volumes().checksum(&name).await.expect("it is read"), image.sha256());
        } else {
            assert_invalid(&imported);
            let found = subject.hypervisor.volumes().inspect(&[name]).await.expect("it answers");
            assert!(found.is_empty(), "{found:?}");
        }
    }
}

/// Whatever had the name.
pub async fn writing_replaces(subject: &Subject) {
    let name = subject.volume("seed.iso");
    if !subject.capabilities().await.volume_content {
        assert_unsupported(&subject.hypervisor.volumes().write(&name, b"seed").await);
        return;
    }
    for size in [4096_usize, 2048, 1 << 20] {
        let volume = subject.hypervisor.volumes().write(&name, &vec![7; size]).await.expect("it is written");
        assert_eq!((volume.name, volume.capacity), (name.clone(), size as u64));
    }
    let volumes = subject.hypervisor.volumes().list().await.expect("it answers");
    let own: Vec<_> = volumes.iter().filter(|volume| volume.name == name).map(|volume| volume.capacity).collect();
    assert_eq!(own, [1 << 20]);
}

fn write(directory: &tempfile::TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path: &Path = directory.path();
    let path = path.join(name);
    std::fs::write(&path, bytes).expect("it is written");
    path
}

fn inspected(path: &Path) -> InspectedImage {
    InspectedImage::open(path).expect("a sound image")
}
