//! Stands where libvirt would be in a program that was built without it.

use std::net::IpAddr;

use super::{
    Definition, Domain, DomainSpec, ForeignDomain, Host, Hypervisor, Lease, NewVolume, Reservation, Start, Volume,
    VolumeDetail,
};
use crate::error::{Error, Part, Result};
use crate::image::InspectedImage;
use crate::model::{DefinitionDigest, MacAddress, VolumeName};
use async_trait::async_trait;
use uuid::Uuid;

/// Answers every call that it is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct AbsentHypervisor;

macro_rules! absent {
    ($($call:ident($($argument:ty),*) -> $answer:ty;)+) => {
        #[async_trait]
        impl Hypervisor for AbsentHypervisor {
            $(async fn $call(&self, $(_: $argument),*) -> Result<$answer> {
                Err(Error::unavailable(Part::Hypervisor, "this program was built without the feature libvirt"))
            })+
        }
    };
}

absent! {
    host() -> Host;
    import_volume(&VolumeName, &InspectedImage) -> Volume;
    create_volume(&NewVolume) -> Volume;
    resize_volume(&VolumeName, u64) -> Volume;
    write_volume(&VolumeName, &[u8]) -> Volume;
    delete_volume(&VolumeName) -> ();
    volumes() -> Vec<Volume>;
    inspect_volumes(&[VolumeName]) -> Vec<VolumeDetail>;
    checksum_volume(&VolumeName) -> String;
    reserve_address(&Reservation) -> ();
    release_address(MacAddress) -> ();
    reservations() -> Vec<Reservation>;
    define(&DomainSpec) -> ();
    definition(Uuid) -> Option<Definition>;
    attach_disk(Uuid, &VolumeName, DefinitionDigest) -> Definition;
    detach_disk(Uuid, &VolumeName, Option<DefinitionDigest>) -> Definition;
    undefine(Uuid) -> ();
    adoptable() -> Vec<ForeignDomain>;
    adopt(Uuid) -> ();
    release(Uuid) -> ();
    reclaim(Uuid) -> ();
    start(Uuid) -> Start;
    shutdown(Uuid) -> ();
    stop(Uuid) -> ();
    resume(Uuid) -> ();
    discard_saved(Uuid) -> ();
    reboot(Uuid) -> ();
    domain(Uuid) -> Option<Domain>;
    domains() -> Vec<Domain>;
    addresses(Uuid) -> Vec<IpAddr>;
    leases() -> Vec<Lease>;
    console_tail(Uuid, usize) -> Vec<u8>;
}
