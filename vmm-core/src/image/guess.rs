//! A guess at the format of a file that is not qcow2, for the message.

/// The names of formats by the bytes at an offset.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"KDMV", "vmdk"),
    (0, b"COWD", "vmdk"),
    (0, b"# Disk DescriptorFile", "a vmdk descriptor"),
    (64, &[0x7f, 0x10, 0xda, 0xbe], "vdi"),
    (0, b"vhdxfile", "vhdx"),
    (0, b"conectix", "vhd"),
    (0, b"QED\0", "qed"),
    (0, b"WithoutFreeSpace", "a Parallels disk"),
    (0, b"WithouFreSpacExt", "a Parallels disk"),
    (0, b"LUKS\xba\xbe", "an encrypted LUKS volume"),
    (0, b"\x1f\x8b", "a gzip file; unpack it first"),
    (0, b"\xfd7zXZ\0", "an xz file; unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file; unpack it first"),
    (0, b"BZh", "a bzip2 file; unpack it first"),
    (0, b"PK\x03\x04", "a zip file; unpack it first"),
    (257, b"ustar", "a tar or ova archive; unpack it first"),
    (0, b"json:", "a description of another disk"),
    (0, b"<", "a web page or XML"),
    (32769, b"CD001", "an ISO image"),
    (512, b"EFI PART", "a raw disk; convert it with qemu-img"),
    (510, b"\x55\xaa", "a raw disk; convert it with qemu-img"),
];

/// The number of bytes of a file that are looked at.
pub(super) const LENGTH: usize = 32774;

/// Names what begins with these bytes.
pub(super) fn format(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return "an empty file";
    }
    SIGNATURES
        .iter()
        .find(|(offset, signature, _)| head.get(*offset..).is_some_and(|rest| rest.starts_with(signature)))
        .map_or("raw or an unknown format", |(_, _, name)| name)
}
