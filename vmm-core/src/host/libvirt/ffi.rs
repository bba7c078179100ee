//! The calls that the `virt` crate lacks, or makes without freeing what they return.
#![allow(unsafe_code, reason = "libvirt is a C library; every unsafe call of vmm is in this file")]

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use uuid::Uuid;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;
use virt::network::Network;
use virt::sys;

/// A value of a statistic.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Every integer that is not negative.
    Number(u64),
    Text(String),
}

/// The statistics of one domain, as libvirt names them.
#[derive(Debug)]
pub(super) struct Record {
    pub uuid: Uuid,
    pub name: String,
    /// libvirt's number of a running domain, which no other run of a domain has until the host starts anew.
    pub run: Option<u32>,
    pub fields: Vec<(String, Value)>,
}

/// An address that a network has given out.
#[derive(Debug)]
pub(super) struct Given {
    pub mac: String,
    pub address: String,
    /// When it ends, in seconds since 1970.
    pub expires: i64,
}

/// An interface of a guest with its addresses.
#[derive(Debug)]
pub(super) struct Binding {
    pub mac: String,
    pub addresses: Vec<String>,
}

/// Statistics of every domain of the host, in one call.
pub(super) fn all_domain_stats(connect: &Connect, stats: u32, flags: u32) -> Result<Vec<Record>, Error> {
    let mut list: *mut sys::virDomainStatsRecordPtr = ptr::null_mut();
    // SAFETY: `connect` is alive for the call; libvirt sets `list` on success only.
    let count = unsafe { sys::virConnectGetAllDomainStats(connect.as_ptr(), stats, &raw mut list, flags) };
    // SAFETY: as the call returned it.
    unsafe { take_records(list, count) }
}

/// Statistics of one domain.
pub(super) fn domain_stats(domain: &Domain, stats: u32, flags: u32) -> Result<Option<Record>, Error> {
    let mut list: *mut sys::virDomainStatsRecordPtr = ptr::null_mut();
    // SAFETY: the array ends with null as the call wants it; `domain` is alive for the call.
    let count = unsafe {
        let mut domains = [domain.as_ptr(), ptr::null_mut()];
        sys::virDomainListGetStats(domains.as_mut_ptr(), stats, &raw mut list, flags)
    };
    // SAFETY: as the call returned it.
    Ok(unsafe { take_records(list, count) }?.into_iter().next())
}

/// Copies and frees a list of records.
///
/// # Safety
/// `list` holds `count` records of libvirt, or `count` is negative.
unsafe fn take_records(list: *mut sys::virDomainStatsRecordPtr, count: c_int) -> Result<Vec<Record>, Error> {
    let Ok(count) = usize::try_from(count) else {
        return Err(Error::last_error());
    };
    // SAFETY: by the contract of this function.
    unsafe {
        let records = (0..count).map(|index| record(&**list.add(index))).collect();
        sys::virDomainStatsRecordListFree(list);
        Ok(records)
    }
}

/// # Safety
/// `raw` is a record of libvirt.
unsafe fn record(raw: &sys::virDomainStatsRecord) -> Record {
    let mut uuid = [0_u8; 16];
    // SAFETY: a record's domain and parameters live as long as the record; the buffer has the 16 bytes of a UUID.
    unsafe {
        sys::virDomainGetUUID(raw.dom, uuid.as_mut_ptr());
        let fields = (0..usize::try_from(raw.nparams).unwrap_or(0))
            .filter_map(|index| {
                let parameter = &*raw.params.add(index);
                Some((text(parameter.field.as_ptr()), value(parameter)?))
            })
            .collect();
        // What is not running has -1 for a number.
        let run = Some(sys::virDomainGetID(raw.dom)).filter(|number| *number != u32::MAX);
        Record { uuid: Uuid::from_bytes(uuid), name: text(sys::virDomainGetName(raw.dom)), run, fields }
    }
}

/// # Safety
/// `parameter` is one of libvirt, whose type tells which member of its value is set.
unsafe fn value(parameter: &sys::virTypedParameter) -> Option<Value> {
    let value = parameter.value;
    // SAFETY: by the contract of this function.
    unsafe {
        match u32::try_from(parameter.type_).ok()? {
            sys::VIR_TYPED_PARAM_INT => u64::try_from(value.i).ok().map(Value::Number),
            sys::VIR_TYPED_PARAM_UINT => Some(Value::Number(value.ui.into())),
            sys::VIR_TYPED_PARAM_LLONG => u64::try_from(value.l).ok().map(Value::Number),
            sys::VIR_TYPED_PARAM_ULLONG => Some(Value::Number(value.ul)),
            sys::VIR_TYPED_PARAM_BOOLEAN => Some(Value::Number(u64::from(value.b != 0))),
            sys::VIR_TYPED_PARAM_STRING => Some(Value::Text(text(value.s))),
            _ => None,
        }
    }
}

/// The addresses of a running domain by one source.
pub(super) fn interface_addresses(domain: &Domain, source: u32) -> Result<Vec<Binding>, Error> {
    let mut list: *mut sys::virDomainInterfacePtr = ptr::null_mut();
    // SAFETY: `domain` is alive for the call; on success libvirt gives us `list` with `count` interfaces, each to be
    // freed by its function and the list by `free`.
    unsafe {
        let count = sys::virDomainInterfaceAddresses(domain.as_ptr(), &raw mut list, source, 0);
        let Ok(count) = usize::try_from(count) else {
            return Err(Error::last_error());
        };
        let bindings = (0..count)
            .map(|index| {
                let interface = *list.add(index);
                let addresses = (0..(*interface).naddrs as usize)
                    .map(|address| text((*(*interface).addrs.add(address)).addr))
                    .collect();
                let binding = Binding { mac: text((*interface).hwaddr), addresses };
                sys::virDomainInterfaceFree(interface);
                binding
            })
            .collect();
        libc::free(list.cast());
        Ok(bindings)
    }
}

/// The leases of a network that have not expired.
pub(super) fn dhcp_leases(network: &Network) -> Result<Vec<Given>, Error> {
    let mut list: *mut sys::virNetworkDHCPLeasePtr = ptr::null_mut();
    // SAFETY: `network` is alive for the call; on success libvirt gives us `list` with `count` leases, each to be
    // freed by its function and the list by `free`.
    unsafe {
        let count = sys::virNetworkGetDHCPLeases(network.as_ptr(), ptr::null(), &raw mut list, 0);
        let Ok(count) = usize::try_from(count) else {
            return Err(Error::last_error());
        };
        let leases = (0..count)
            .map(|index| {
                let lease = *list.add(index);
                let given =
                    Given { mac: text((*lease).mac), address: text((*lease).ipaddr), expires: (*lease).expirytime };
                sys::virNetworkDHCPLeaseFree(lease);
                given
            })
            .collect();
        libc::free(list.cast());
        Ok(leases)
    }
}

/// Bounds how long libvirt waits for the guest agent, in seconds.
pub(super) fn limit_agent(domain: &Domain, seconds: i32) -> Result<(), Error> {
    // SAFETY: `domain` is alive for the call.
    match unsafe { sys::virDomainAgentSetResponseTimeout(domain.as_ptr(), seconds, 0) } {
        0 => Ok(()),
        _ => Err(Error::last_error()),
    }
}

/// # Safety
/// `text` is null or ends with a zero byte.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by the contract of this function.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
