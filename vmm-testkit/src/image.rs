//! Disk images made byte by byte.

/// Size of a cluster in the images made here, in bytes.
pub const CLUSTER: usize = 65536;

/// A sound and empty qcow2 image of version 3 that shows a guest so many bytes.
///
/// Cluster 0 holds the header, 1 the table of reference counts, 2 their first block, and 3 the first-level table.
pub fn empty_qcow2(virtual_size: u64) -> Vec<u8> {
    let mut image = vec![0; 4 * CLUSTER];
    let reach = (CLUSTER / 8 * CLUSTER) as u64;
    let l1_entries = u32::try_from(virtual_size.div_ceil(reach)).unwrap_or(u32::MAX);
    put(&mut image, 0, b"QFI\xfb");
    put(&mut image, 4, &3_u32.to_be_bytes());
    put(&mut image, 20, &16_u32.to_be_bytes());
    put(&mut image, 24, &virtual_size.to_be_bytes());
    put(&mut image, 36, &l1_entries.to_be_bytes());
    put(&mut image, 40, &(3 * CLUSTER as u64).to_be_bytes());
    put(&mut image, 48, &(CLUSTER as u64).to_be_bytes());
    put(&mut image, 56, &1_u32.to_be_bytes());
    put(&mut image, 96, &4_u32.to_be_bytes());
    put(&mut image, 100, &104_u32.to_be_bytes());
    put(&mut image, CLUSTER, &(2 * CLUSTER as u64).to_be_bytes());
    for cluster in 0..4 {
        put(&mut image, 2 * CLUSTER + 2 * cluster, &1_u16.to_be_bytes());
    }
    image
}

/// Overwrites the bytes at an offset.
///
/// # Panics
/// When they do not fit in the image.
pub fn put(image: &mut [u8], offset: usize, bytes: &[u8]) {
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
}
