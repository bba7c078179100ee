//! Stands where libvirt would be in a program that was built without it.

use std::net::IpAddr;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Definition, Domain, DomainSpec, ForeignDomain, Host, HostAdoption, HostConsole, HostDefinitions, HostDomains,
    HostInventory, HostNetwork, HostVolumes, Lease, NewVolume, Reservation, Start, Volume, VolumeDetail,
};
use crate::error::{Error, Part, Result};
use crate::image::InspectedImage;
use crate::model::{DefinitionDigest, MacAddress, VolumeName};

/// Answers every call that it is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct AbsentHypervisor;

macro_rules! absent {
    ($($part:ident { $($call:ident($($argument:ty),*) -> $answer:ty;)+ })+) => {
        $(#[async_trait]
        impl $part for AbsentHypervisor {
            $(async fn $call(&self, $(_: $argument),*) -> Result<$answer> {
                Err(Error::unavailable(Part::Hypervisor, "this program was built without the feature libvirt"))
            })+
        })+
    };
}

absent! {
    HostInventory {
        describe() -> Host;
    }
    HostVolumes {
        import(&VolumeName, &InspectedImage) -> Volume;
        create(&NewVolume) -> Volume;
        resize(&VolumeName, u64) -> Volume;
        write(&VolumeName, &[u8]) -> Volume;
        delete(&VolumeName) -> ();
        list() -> Vec<Volume>;
        inspect(&[VolumeName]) -> Vec<VolumeDetail>;
        checksum(&VolumeName) -> String;
    }
    HostNetwork {
        reserve(&Reservation) -> ();
        release(MacAddress) -> ();
        reservations() -> Vec<Reservation>;
        addresses(Uuid) -> Vec<IpAddr>;
        leases() -> Vec<Lease>;
    }
    HostDomains {
        start(Uuid) -> Start;
        shutdown(Uuid) -> ();
        stop(Uuid) -> ();
        resume(Uuid) -> ();
        discard_saved(Uuid) -> ();
        reboot(Uuid) -> ();
        by_id(Uuid) -> Option<Domain>;
        list() -> Vec<Domain>;
    }
    HostDefinitions {
        define(&DomainSpec) -> ();
        by_id(Uuid) -> Option<Definition>;
        attach_disk(Uuid, &VolumeName, DefinitionDigest) -> Definition;
        detach_disk(Uuid, &VolumeName, Option<DefinitionDigest>) -> Definition;
        undefine(Uuid) -> ();
    }
    HostAdoption {
        adoptable() -> Vec<ForeignDomain>;
        adopt(Uuid) -> ();
        release(Uuid) -> ();
        reclaim(Uuid) -> ();
    }
    HostConsole {
        tail(Uuid, usize) -> Vec<u8>;
    }
}
