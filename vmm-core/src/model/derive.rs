//! Ids that follow from other ids, so that doing a thing again after a crash finds what the first attempt made.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{DeskId, MacAddress, OsId, RequestId, Timestamp, VmName, VolumeName};
use crate::error::Result;

/// The id of the domain that a request's machine becomes.
pub fn domain_uuid(desk: DeskId, request: &RequestId, name: &VmName) -> Uuid {
    // Neither name can hold a slash.
    Uuid::new_v5(&desk.0, format!("domain/{request}/{name}").as_bytes())
}

/// The volume of a catalog entry's image. The moment at which the entry was made keeps it from being that of another
/// entry in a database that was restored from a backup.
///
/// # Errors
/// None: what it gives is a name.
pub fn image_volume(desk: DeskId, os: OsId, made: Timestamp) -> Result<VolumeName> {
    let id = Uuid::new_v5(&desk.0, format!("image/{os}/{}", made.timestamp_micros()).as_bytes());
    VolumeName::new(format!("vmm-image-{}.qcow2", id.simple()))
}

/// The hardware address of a domain's network interface: 40 bits of a hash of its id.
pub fn mac(uuid: Uuid) -> MacAddress {
    let hash = Sha256::new().chain_update(b"vmm mac 1").chain_update(uuid.as_bytes()).finalize();
    MacAddress::local([hash[0], hash[1], hash[2], hash[3], hash[4]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uuid(desk: u128, request: &str, name: &str) -> Uuid {
        let (request, name) = (RequestId::new(request).expect("an id"), VmName::new(name).expect("a name"));
        domain_uuid(DeskId(Uuid::from_u128(desk)), &request, &name)
    }

    #[test]
    fn a_domain_id_follows_from_desk_request_and_name_and_from_nothing_else() {
        assert_eq!(uuid(1, "r", "web").to_string(), "7bbed38f-96e7-5bd5-bf32-edb75193a748");
        let others = [uuid(2, "r", "web"), uuid(1, "s", "web"), uuid(1, "r", "db")];
        assert!(others.iter().all(|other| *other != uuid(1, "r", "web")));
    }

    #[test]
    fn a_hardware_address_follows_from_the_domain_id() {
        let uuid = uuid(1, "r", "web");
        assert_eq!(mac(uuid), mac(uuid));
        assert_ne!(mac(uuid), mac(Uuid::nil()));
        assert!(mac(uuid).to_string().starts_with("52:"));
    }
}
