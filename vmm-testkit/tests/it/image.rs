//! No image gets in that could make QEMU open another file of the host, or that is not what it says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vmm_core::image::{InspectedImage, checksum, inspect};
use vmm_testkit::image::{CLUSTER, empty_qcow2, put};

const GIB: u64 = 1 << 30;

/// A change to a sound image, and a part of what the refusal must say.
type Spoiled = (&'static str, fn(&mut Vec<u8>), &'static str);

const V3_EXTENSIONS: usize = 104;

fn extension(image: &mut [u8], kind: u32, content: &[u8]) {
    put(image, V3_EXTENSIONS, &kind.to_be_bytes());
    put(image, V3_EXTENSIONS + 4, &u32::try_from(content.len()).expect("short").to_be_bytes());
    put(image, V3_EXTENSIONS + 8, content);
}

fn number(image: &mut [u8], offset: usize, value: u32) {
    put(image, offset, &value.to_be_bytes());
}

fn long(image: &mut [u8], offset: usize, value: u64) {
    put(image, offset, &value.to_be_bytes());
}

/// A second-level table in a new cluster 4, with one entry.
fn with_data(image: &mut Vec<u8>, entry: u64) {
    image.resize(5 * CLUSTER, 0);
    long(image, 3 * CLUSTER, (4 * CLUSTER as u64) | 1 << 63);
    long(image, 4 * CLUSTER, entry);
}

const SPOILED: &[Spoiled] = &[
    ("empty", |image| image.clear(), "an empty file"),
    ("only the magic", |image| image.truncate(4), "ends inside its header"),
    ("half a header", |image| image.truncate(60), "ends inside its header"),
    ("other magic", |image| put(image, 0, b"QFI\xfa"), "not qcow2"),
    ("version 1", |image| number(image, 4, 1), "version 1"),
    ("version 4", |image| number(image, 4, 4), "version 4"),
    (
        "backing file",
        |image| (long(image, 8, 600), number(image, 16, 11), put(image, 600, b"/etc/shadow")).2,
        "backing",
    ),
    ("backing file without a length", |image| long(image, 8, 600), "backing"),
    ("backing json", |image| (long(image, 8, 600), number(image, 16, 5), put(image, 600, b"json:")).2, "backing"),
    ("backing format only", |image| extension(image, 0xe279_2aca, b"raw"), "backing file"),
    ("data file bit", |image| long(image, 72, 1 << 2), "another file"),
    ("data file name", |image| extension(image, 0x4441_5441, b"/etc/shadow"), "data file"),
    ("raw data file bit", |image| long(image, 88, 1 << 1), "another file"),
    ("dirty", |image| long(image, 72, 1), "not closed properly"),
    ("corrupt", |image| long(image, 72, 1 << 1), "corrupt"),
    ("unknown feature", |image| long(image, 72, 1 << 5), "not known"),
    ("feature of the future", |image| long(image, 72, 1 << 63), "not known"),
    ("old encryption", |image| number(image, 32, 1), "encrypted"),
    ("LUKS", |image| number(image, 32, 2), "encrypted"),
    ("encryption extension", |image| extension(image, 0x0537_be77, &[0; 16]), "encrypted"),
    ("unknown extension", |image| extension(image, 0x1234_5678, b"?"), "extension"),
    ("endless extension", |image| (extension(image, 0x6803_f857, b""), number(image, 108, u32::MAX)).1, "too long"),
    ("snapshots", |image| number(image, 60, 1), "snapshots"),
    ("snapshots without end", |image| (number(image, 60, u32::MAX), long(image, 64, u64::MAX)).1, "snapshots"),
    ("size 0", |image| long(image, 24, 0), "virtual size"),
    ("size beyond 64 TiB", |image| long(image, 24, (64 << 40) + 1), "virtual size"),
    ("size of all bits", |image| long(image, 24, u64::MAX), "virtual size"),
    ("clusters of 256 bytes", |image| number(image, 20, 8), "cluster size"),
    ("clusters of 4 MiB", |image| number(image, 20, 22), "cluster size"),
    ("clusters that overflow", |image| number(image, 20, 64), "cluster size"),
    ("reference counts of 128 bits", |image| number(image, 96, 7), "reference counts"),
    ("header of length 0", |image| number(image, 100, 0), "header"),
    ("header of odd length", |image| number(image, 100, 105), "header"),
    ("header longer than its cluster", |image| number(image, 100, 1 << 20), "header"),
    ("compression without its bit", |image| (number(image, 100, 112), put(image, 104, &[1])).1, "compression"),
    (
        "unknown compression",
        |image| (number(image, 100, 112), long(image, 72, 8), put(image, 104, &[9])).2,
        "compression",
    ),
    ("no first-level table", |image| number(image, 36, 0), "does not fit"),
    ("first-level table too short", |image| long(image, 24, 64 << 40), "does not fit"),
    ("first-level table without end", |image| number(image, 36, u32::MAX), "does not fit"),
    ("first-level table nowhere", |image| long(image, 40, 0), "impossible place"),
    ("first-level table between clusters", |image| long(image, 40, 100), "impossible place"),
    ("first-level table behind the end", |image| long(image, 40, 64 * CLUSTER as u64), "ends before"),
    ("first-level table that overflows", |image| long(image, 40, !0xffff), "ends before"),
    ("no reference counts", |image| number(image, 56, 0), "reference count"),
    ("reference counts without end", |image| number(image, 56, u32::MAX), "reference count"),
    ("reference counts behind the end", |image| long(image, 48, 64 * CLUSTER as u64), "ends before"),
    ("cut behind the header", |image| image.truncate(CLUSTER), "ends before"),
    ("cut in the last table", |image| image.truncate(3 * CLUSTER + 4), "ends before"),
    ("second-level table behind the end", |image| long(image, 3 * CLUSTER, 64 * CLUSTER as u64), "ends before"),
    (
        "one second-level table twice",
        |image| (with_data(image, 0), long(image, 3 * CLUSTER + 8, 4 * CLUSTER as u64)).1,
        "twice",
    ),
    ("data behind the end", |image| with_data(image, 64 * CLUSTER as u64), "before its data"),
    ("compressed data behind the end", |image| with_data(image, 1 << 62 | 1 << 40), "before its data"),
    ("raw with a boot sector", |image| (image.fill(0), put(image, 510, b"\x55\xaa")).1, "a raw disk"),
    ("raw of zeros", |image| image.fill(0), "raw or an unknown"),
    ("gzip", |image| put(image, 0, b"\x1f\x8b\x08\0"), "gzip"),
    ("xz", |image| put(image, 0, b"\xfd7zXZ\0"), "xz"),
    ("ISO", |image| (image.fill(0), put(image, 32769, b"CD001")).1, "ISO"),
    ("OVA", |image| (image.fill(0), put(image, 257, b"ustar")).1, "ova"),
    ("error page", |image| put(image, 0, b"<!DOCTYPE html>"), "web page"),
    ("vmdk descriptor", |image| put(image, 0, b"# Disk DescriptorFile\n"), "vmdk"),
];

#[test]
fn a_sound_image_is_accepted_and_every_way_to_spoil_it_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("image.qcow2");
    // Large enough for two entries of the first-level table.
    fs::write(&path, empty_qcow2(GIB)).expect("it is written");
    let sound = InspectedImage::open(&path).expect("it is sound");
    assert_eq!((sound.info(), sound.info().virtual_size), (inspect(&path).expect("it is sound"), GIB));
    assert_eq!(sound.sha256(), checksum(&path).expect("it is read"));
    for (name, spoil, reason) in SPOILED {
        let mut image = empty_qcow2(GIB);
        spoil(&mut image);
        fs::write(&path, image).expect("it is written");
        let message = inspect(&path).expect_err(name).to_string();
        assert_eq!(InspectedImage::open(&path).expect_err(name).to_string(), message);
        assert!(message.contains(reason), "{name}: {message}");
    }
}

#[test]
fn data_inside_the_file_is_fine() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("image.qcow2");
    for entry in [4 * CLUSTER as u64, (1 << 62) | (3 * CLUSTER as u64)] {
        let mut image = empty_qcow2(GIB);
        with_data(&mut image, entry);
        fs::write(&path, image).expect("it is written");
        inspect(&path).expect("it is sound");
    }
}

#[test]
fn only_a_regular_file_is_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let image = directory.path().join("image.qcow2");
    fs::write(&image, empty_qcow2(GIB)).expect("it is written");
    let link = directory.path().join("link.qcow2");
    std::os::unix::fs::symlink(&image, &link).expect("it is linked");
    let fifo = directory.path().join("fifo.qcow2");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let missing = directory.path().join("missing.qcow2");
    for path in [link.as_path(), fifo.as_path(), directory.path(), Path::new("/dev/zero"), missing.as_path()] {
        inspect(path).expect_err("it is refused");
        InspectedImage::open(path).expect_err("it is refused");
        checksum(path).expect_err("it is refused");
    }
}

#[test]
fn a_checksum_is_that_of_sha256() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("file");
    fs::write(&path, "abc").expect("it is written");
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(checksum(&path).expect("it is read"), expected);
}

/// The arguments of `qemu-img create` or `convert` before the file.
const REAL_GOOD: &[&[&str]] = &[
    &["create", "-f", "qcow2"],
    &["create", "-f", "qcow2", "-o", "compat=0.10"],
    &["create", "-f", "qcow2", "-o", "cluster_size=512"],
    &["create", "-f", "qcow2", "-o", "cluster_size=4k"],
    &["create", "-f", "qcow2", "-o", "cluster_size=2M"],
    &["create", "-f", "qcow2", "-o", "lazy_refcounts=on"],
    &["create", "-f", "qcow2", "-o", "preallocation=metadata"],
    &["create", "-f", "qcow2", "-o", "preallocation=falloc"],
    &["create", "-f", "qcow2", "-o", "extended_l2=on,cluster_size=128k"],
    &["create", "-f", "qcow2", "-o", "refcount_bits=1"],
    &["create", "-f", "qcow2", "-o", "compression_type=zstd"],
    &["convert", "-O", "qcow2", "DATA"],
    &["convert", "-O", "qcow2", "-c", "DATA"],
    &["convert", "-O", "qcow2", "-c", "-o", "compression_type=zstd", "DATA"],
    &["convert", "-O", "qcow2", "-c", "-o", "compat=0.10,cluster_size=4k", "DATA"],
];

const REAL_BAD: &[&[&str]] = &[
    &["create", "-f", "qcow2", "-b", "DATA", "-F", "raw"],
    &["create", "-f", "qcow2", "-b", "QCOW2", "-F", "qcow2"],
    &["create", "-f", "qcow2", "-o", "compat=0.10", "-b", "QCOW2", "-F", "qcow2"],
    &["create", "-f", "qcow2", "-o", "data_file=OTHER"],
    &["create", "-f", "qcow2", "-o", "data_file=OTHER,data_file_raw=on"],
    &["create", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o", "encrypt.format=aes,encrypt.key-secret=s"],
    &["create", "-f", "raw"],
    &["create", "-f", "vmdk"],
    &["create", "-f", "vdi"],
    &["create", "-f", "vhdx"],
    &["create", "-f", "vpc"],
    &["create", "-f", "qed"],
    &["create", "-f", "qcow"],
];

#[test]
fn what_qemu_img_makes_is_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut data: Vec<u8> = (0_u32..700_000).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 7).to_be_bytes()).collect();
    data.resize(8 << 20, 0);
    fs::write(directory.path().join("DATA"), data).expect("it is written");
    make(directory.path(), "QCOW2", REAL_GOOD[0]);
    for (index, arguments) in REAL_GOOD.iter().enumerate() {
        let path = make(directory.path(), &format!("good-{index}"), arguments);
        let info = inspect(&path).unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        assert_eq!(info.virtual_size, 8 << 20, "{arguments:?}");
    }
    for (index, arguments) in REAL_BAD.iter().enumerate() {
        let path = make(directory.path(), &format!("bad-{index}"), arguments);
        assert!(inspect(&path).is_err(), "{arguments:?}");
    }
}

#[test]
fn an_image_with_a_snapshot_of_qemu_img_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = make(directory.path(), "image", REAL_GOOD[0]);
    qemu_img(directory.path(), &["snapshot", "-c", "one", "image"]);
    assert!(inspect(&path).expect_err("it is refused").to_string().contains("snapshots"));
}

fn make(directory: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    let mut all = arguments.to_vec();
    all.push(name);
    if all[0] == "create" {
        all.push("8M");
    }
    qemu_img(directory, &all);
    directory.join(name)
}

fn qemu_img(directory: &Path, arguments: &[&str]) {
    let output = Command::new("qemu-img").args(arguments).current_dir(directory).output();
    let output = output.expect("qemu-img runs; `lab packages` installs it");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
