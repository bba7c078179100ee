//! The qcow2 format, as far as it must be understood to trust an image.
//! Offsets and bits are those of QEMU's `docs/interop/qcow2.txt`.

use std::collections::HashSet;

use super::{ImageInfo, MAX_VIRTUAL_SIZE, Source, guess, refused};
use crate::error::Result;

const MAGIC: &[u8] = b"QFI\xfb";
const V2_HEADER: u32 = 72;
const V3_HEADER: u32 = 104;
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;
/// QEMU's own limits of the tables, in bytes.
const MAX_L1: u64 = 32 << 20;
const MAX_REFCOUNT_TABLE: u64 = 8 << 20;

const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;
/// The autoclear bit of an external data file that is raw.
const RAW_DATA_FILE: u64 = 1 << 1;

const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
const COMPRESSED_CLUSTER: u64 = 1 << 62;

struct Header {
    version: u32,
    backing_file: (u64, u32),
    cluster_bits: u32,
    size: u64,
    encryption: u32,
    l1: (u64, u32),
    refcount_table: (u64, u32),
    snapshots: u32,
    incompatible: u64,
    autoclear: u64,
    refcount_order: u32,
    length: u32,
    compression: u8,
}

pub(super) fn inspect(source: &Source<'_>) -> Result<ImageInfo> {
    let header = Header::read(source)?;
    header.check_features()?;
    header.check_geometry()?;
    header.check_extensions(source)?;
    header.check_tables(source)?;
    Ok(ImageInfo {
        virtual_size: header.size,
        file_size: source.size,
        cluster_size: header.cluster_size(),
        version: header.version,
    })
}

impl Header {
    fn read(source: &Source<'_>) -> Result<Self> {
        let head = source.read(0, source.size.min(guess::LENGTH as u64) as usize)?;
        if !head.starts_with(MAGIC) {
            return Err(refused(format!("is not qcow2 but looks like {}", guess::format(&head))));
        }
        let field = Fields(&head);
        let version = field.u32(4)?;
        let (incompatible, autoclear, refcount_order, length) = match version {
            2 => (0, 0, 4, V2_HEADER),
            3 => (field.u64(72)?, field.u64(88)?, field.u32(96)?, field.u32(100)?),
            other => return Err(refused(format!("has version {other} of qcow2; 2 and 3 are supported"))),
        };
        let has_compression = version == 3 && length > V3_HEADER;
        Ok(Self {
            version,
            backing_file: (field.u64(8)?, field.u32(16)?),
            cluster_bits: field.u32(20)?,
            size: field.u64(24)?,
            encryption: field.u32(32)?,
            l1: (field.u64(40)?, field.u32(36)?),
            refcount_table: (field.u64(48)?, field.u32(56)?),
            snapshots: field.u32(60)?,
            incompatible,
            autoclear,
            refcount_order,
            length,
            compression: if has_compression { field.u8(104)? } else { 0 },
        })
    }

    fn cluster_size(&self) -> u64 {
        1 << self.cluster_bits
    }

    fn l2_entry_size(&self) -> u64 {
        if self.incompatible & EXTENDED_L2 == 0 { 8 } else { 16 }
    }

    /// Everything that makes QEMU open another file or that a guest could not live with.
    fn check_features(&self) -> Result<()> {
        let known = DIRTY | CORRUPT | DATA_FILE | COMPRESSION | EXTENDED_L2;
        let reason = if self.backing_file != (0, 0) {
            "has a backing file; flatten it with qemu-img convert"
        } else if self.incompatible & DATA_FILE != 0 || self.autoclear & RAW_DATA_FILE != 0 {
            "keeps its data in another file"
        } else if self.incompatible & DIRTY != 0 {
            "was not closed properly; repair it with qemu-img check"
        } else if self.incompatible & CORRUPT != 0 {
            "is marked as corrupt"
        } else if self.incompatible & !known != 0 {
            "needs features that are not known here"
        } else if self.encryption != 0 {
            "is encrypted"
        } else if self.snapshots != 0 {
            "has internal snapshots; flatten it with qemu-img convert"
        } else if self.compression > 1 || (self.compression == 1) != (self.incompatible & COMPRESSION != 0) {
            "has an unknown compression"
        } else {
            return Ok(());
        };
        Err(refused(reason))
    }

    fn check_geometry(&self) -> Result<()> {
        if !CLUSTER_BITS.contains(&self.cluster_bits) {
            return Err(refused("has an impossible cluster size"));
        }
        if self.size == 0 || self.size > MAX_VIRTUAL_SIZE {
            return Err(refused(format!("has a virtual size of {} bytes; 1 to 64 TiB are possible", self.size)));
        }
        if self.refcount_order > 6 {
            return Err(refused("has impossible reference counts"));
        }
        let least = if self.version == 2 { V2_HEADER } else { V3_HEADER };
        if self.length < least || !self.length.is_multiple_of(8) || u64::from(self.length) > self.cluster_size() {
            return Err(refused("has a header of impossible length"));
        }
        Ok(())
    }

    fn check_extensions(&self, source: &Source<'_>) -> Result<()> {
        const END: u32 = 0;
        const BACKING_FORMAT: u32 = 0xe279_2aca;
        const FEATURE_NAMES: u32 = 0x6803_f857;
        const BITMAPS: u32 = 0x2385_2875;
        const ENCRYPTION: u32 = 0x0537_be77;
        const DATA_FILE_NAME: u32 = 0x4441_5441;

        let first_cluster = source.read(0, self.cluster_size().min(source.size) as usize)?;
        let field = Fields(&first_cluster);
        let mut offset = self.length as usize;
        // The room behind the last extension may be all there is.
        while offset + 8 <= first_cluster.len() {
            let (kind, length) = (field.u32(offset)?, field.u32(offset + 4)? as usize);
            let end = offset + 8 + length.next_multiple_of(8);
            match kind {
                END => return Ok(()),
                FEATURE_NAMES | BITMAPS if end <= first_cluster.len() => {}
                FEATURE_NAMES | BITMAPS => return Err(refused("has a header extension that is too long")),
                BACKING_FORMAT => return Err(refused("names the format of a backing file that it does not have")),
                ENCRYPTION => return Err(refused("is encrypted")),
                DATA_FILE_NAME => return Err(refused("names a data file")),
                _ => return Err(refused("has a header extension that is not known here")),
            }
            offset = end;
        }
        Ok(())
    }

    fn check_tables(&self, source: &Source<'_>) -> Result<()> {
        let (offset, clusters) = self.refcount_table;
        let length = u64::from(clusters) * self.cluster_size();
        if clusters == 0 || length > MAX_REFCOUNT_TABLE.max(self.cluster_size()) {
            return Err(refused("has a reference count table of impossible size"));
        }
        self.check_place(source, offset, length)?;

        let (offset, entries) = self.l1;
        let length = u64::from(entries) * 8;
        let reach = (self.cluster_size() / self.l2_entry_size()) * self.cluster_size();
        if length > MAX_L1 || u64::from(entries) < self.size.div_ceil(reach) {
            return Err(refused("has a table that does not fit its virtual size"));
        }
        self.check_place(source, offset, length)?;
        self.check_clusters(source, &source.read(offset, length as usize)?)
    }

    /// Finds a file that was cut, and one whose tables would make QEMU read where nothing is.
    fn check_clusters(&self, source: &Source<'_>, l1: &[u8]) -> Result<()> {
        let mut seen = HashSet::new();
        for offset in numbers(l1, 8).map(|entry| entry & OFFSET_MASK).filter(|offset| *offset != 0) {
            self.check_place(source, offset, self.cluster_size())?;
            // Each table once, so that the work is bounded by the size of the file.
            if !seen.insert(offset) {
                return Err(refused("uses one table twice"));
            }
            let l2 = source.read(offset, self.cluster_size() as usize)?;
            if numbers(&l2, self.l2_entry_size() as usize).any(|entry| self.data_offset(entry) >= source.size) {
                return Err(refused("ends before its data does"));
            }
        }
        Ok(())
    }

    /// Where an entry of a second-level table says its data is; 0 for none.
    fn data_offset(&self, entry: u64) -> u64 {
        if entry & COMPRESSED_CLUSTER == 0 {
            return entry & OFFSET_MASK;
        }
        let bits = 62 - (self.cluster_bits - 8);
        entry & ((1 << bits) - 1)
    }

    fn check_place(&self, source: &Source<'_>, offset: u64, length: u64) -> Result<()> {
        if offset == 0 || !offset.is_multiple_of(self.cluster_size()) {
            return Err(refused("has a table at an impossible place"));
        }
        if !source.holds(offset, length) {
            return Err(refused("ends before its tables do"));
        }
        Ok(())
    }
}

/// The first number of each `step` bytes.
fn numbers(table: &[u8], step: usize) -> impl Iterator<Item = u64> {
    table.chunks_exact(step).filter_map(|entry| entry.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)))
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&self, offset: usize) -> Result<[u8; N]> {
        let bytes = self.0.get(offset..).and_then(|rest| rest.first_chunk());
        bytes.copied().ok_or_else(|| refused("ends inside its header"))
    }

    fn u8(&self, offset: usize) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array(offset)?))
    }

    fn u32(&self, offset: usize) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array(offset)?))
    }

    fn u64(&self, offset: usize) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array(offset)?))
    }
}
