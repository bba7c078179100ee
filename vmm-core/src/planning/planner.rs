//! Checks a request against the catalog, the machines and the host, and works out exactly what will be made.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use super::reading::{Reading, RowVerdict, SpecRow, Surroundings};
use super::request_table;
use super::totals::{Totals, gib};
use super::volume_name::disk_volume;
use super::{catalog, fit};
use crate::error::{Error, Problem, Problems, Result};
use crate::host::{Host, Reservation};
use crate::model::{
    DeskId, DiskRole, HostFigures, Image, MacAddress, Os, OsName, OsVersion, Plan, PlannedDisk, PlannedVm, RequestId,
    Room, Vm, VmName, VmStatus, domain_uuid, mac,
};
use crate::secrets::Secrets;

/// The longest text that an entry of the catalog is looked for by likeness with, in bytes.
const MAX_LIKE: usize = 300;
/// The smallest system disk if the request names none, in GiB.
pub(super) const DEFAULT_DISK: u32 = 10;

/// The machines that a table would make, or its problems.
pub(crate) struct Outlook {
    /// The plan of the machines that the table would make; `None` if anything is wrong.
    pub(crate) plan: Option<Plan>,
    /// The problems.
    pub(crate) problems: Problems,
    /// The verdict on each row, up to the row with the last kept problem.
    pub(crate) rows: Vec<RowVerdict>,
    /// The number of rows.
    pub(crate) rows_total: usize,
    /// Notes on cells that were not read literally.
    pub(crate) understood: Vec<String>,
}

/// The records and the host against which a request is planned. The same records give the same hash, whatever the host
/// has at that moment.
pub(crate) struct Planner<'a> {
    desk: DeskId,
    secrets: &'a Secrets,
    host: &'a Host,
    oses: Vec<&'a Os>,
    names: HashMap<&'a VmName, &'a Vm>,
    addresses: HashMap<Ipv4Addr, String>,
    domains: HashSet<&'a str>,
    vcpus: u64,
    memory: u64,
    /// The number of addresses that are free for machines of the request, if the host says.
    addresses_free: Option<u32>,
    /// The number of machines of other requests that wait to be made, and will ask for an address.
    waiting: u32,
    /// True if a machine that does not fit on the host is a problem of its row.
    must_fit: bool,
}

impl<'a> Planner<'a> {
    /// A planner for one request. `vms` are all machines; those of the request itself do not stand in its way.
    pub(crate) fn new(
        desk: DeskId,
        secrets: &'a Secrets,
        request: &RequestId,
        host: &'a Host,
        reservations: &[Reservation],
        oses: &'a [Os],
        vms: &'a [Vm],
    ) -> Self {
        let mut oses: Vec<_> = oses.iter().collect();
        oses.sort_by_key(|os| os.id);
        let (own, others): (Vec<_>, Vec<_>) = vms.iter().partition(|vm| vm.request.as_ref() == Some(request));
        let own_macs: HashSet<_> = own.iter().map(|vm| vm.mac).collect();
        let reserved = reservations.iter().filter(|reservation| !own_macs.contains(&reservation.mac));
        let mut addresses: HashMap<_, _> =
            reserved.map(|reservation| (reservation.address, reservation.name.to_string())).collect();
        let addresses_free = free_addresses(host, &others, addresses.keys(), &own_macs);
        let waits = |vm: &&&Vm| vm.status == VmStatus::Request && !vm.ip_fixed;
        let waiting = u32::try_from(others.iter().filter(waits).count()).unwrap_or(u32::MAX);
        for vm in &others {
            if let Some(IpAddr::V4(ip)) = vm.ip {
                addresses.insert(ip, vm.name.to_string());
            }
        }
        Self {
            desk,
            secrets,
            host,
            oses,
            names: others.iter().map(|vm| (&vm.name, *vm)).collect(),
            addresses,
            domains: host.domain_names.iter().map(String::as_str).collect(),
            vcpus: others.iter().map(|vm| u64::from(vm.vcpu)).sum(),
            memory: others.iter().map(|vm| u64::from(vm.memory)).sum(),
            addresses_free,
            waiting,
            must_fit: true,
        }
    }

    /// Makes the plan of this CSV once more, and says why it does not fit any longer on a host that had these figures
    /// when it was made first: nothing if it fits.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every problem of every row that has another reason.
    pub(crate) fn plan_again(
        mut self,
        request: &RequestId,
        spec: &str,
        then: &HostFigures,
    ) -> Result<(Plan, Vec<String>)> {
        self.must_fit = false;
        let plan = self.plan(request, spec)?;
        let misfits = fit::misfits(&plan, then, self.memory);
        Ok((plan, misfits))
    }

    /// The plan of this table.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the problems of the rows.
    pub(crate) fn plan(&self, request: &RequestId, spec: &str) -> Result<Plan> {
        self.plan_of(request, request_table::read(spec, self))
    }

    /// The plan of this table, or what is wrong with it, and what was found of each row.
    ///
    /// # Errors
    /// Whatever is no fault of the table.
    pub(crate) fn outlook(&self, request: &RequestId, spec: &str) -> Result<Outlook> {
        let mut reading = request_table::read(spec, self);
        let (rows, rows_total) = (std::mem::take(&mut reading.rows), reading.rows_total);
        let understood = reading.understood.clone();
        let (plan, problems) = match self.plan_of(request, reading) {
            Ok(plan) => (Some(plan), Problems::new()),
            Err(Error::Invalid(problems)) => (None, problems),
            Err(error) => return Err(error),
        };
        let mut outlook = Outlook { plan, problems, rows, rows_total, understood };
        // What is wrong with all rows together is told of the first row that it concerns.
        for row in &mut outlook.rows {
            row.wrong |= outlook.problems.iter().any(|problem| problem.row == Some(row.row));
        }
        Ok(outlook)
    }

    fn plan_of(&self, request: &RequestId, reading: Reading) -> Result<Plan> {
        let Reading { machines: rows, problems, understood, .. } = reading;
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        let mut totals = Totals { vcpus: self.vcpus, memory: self.memory, disk: 0 };
        let vms: Result<Vec<_>> = rows.into_iter().map(|row| self.vm(request, row, &mut totals)).collect();
        let (host, pool) = (self.host.name.clone(), self.host.pool.clone());
        let mut plan = Plan { host, pool, seen: self.seen(), understood, vms: vms? };
        self.find_addresses(&mut plan)?;
        let mut macs = HashSet::new();
        match plan.vms.iter().find(|vm| !macs.insert(vm.mac)) {
            Some(vm) => {
                Err(Error::Invalid(Problem::at(vm.row, "name", "collides with another name; choose another").into()))
            }
            None => Ok(plan),
        }
    }

    fn seen(&self) -> HostFigures {
        let Host { vcpus, memory, pool_available, .. } = self.host;
        HostFigures { vcpus: *vcpus, memory: *memory, disk_free: pool_available >> 30, addresses_free: None }
    }

    /// Counts the addresses that are free for the machines without a fixed one, and says from which row on there are
    /// none.
    fn find_addresses(&self, plan: &mut Plan) -> Result<()> {
        let (Some(free), Some(pool)) = (self.addresses_free, &self.host.address_pool) else { return Ok(()) };
        let fixed = plan.vms.iter().filter(|vm| vm.ip.is_some_and(|ip| pool.contains(ip))).count();
        let free = free.saturating_sub(u32::try_from(fixed).unwrap_or(u32::MAX));
        plan.seen.addresses_free = Some(free);
        let without = plan.dynamic_addresses();
        let mut dynamic = plan.vms.iter_mut().filter(|vm| vm.ip.is_none());
        if self.must_fit && without > u64::from(free) {
            let row = dynamic.nth(free as usize).map_or(1, |vm| vm.row);
            let reason = format!(
                "from here on no address is free: the network hands out {}, of which {free} are free, and {without} machines \
                 ask for one; ask for fewer, remove machines, or widen the network's range",
                pool.size()
            );
            return Err(Error::Invalid(Problem::at(row, "ip", reason).into()));
        }
        let left = free.saturating_sub(self.waiting);
        if let Some(vm) = dynamic.nth(left as usize) {
            vm.warnings.push(format!(
                "from this machine on there may be no address: {free} are free, and {} machines of other requests wait for \
                 one too",
                self.waiting
            ));
        }
        Ok(())
    }

    /// Returns the room that there is to plan with.
    pub(crate) fn room(&self) -> Room {
        Room {
            vcpus: self.host.vcpus,
            vcpus_taken: self.vcpus,
            memory: self.host.memory,
            memory_taken: self.memory,
            disk_free: self.host.pool_available >> 30,
        }
    }

    fn vm(&self, request: &RequestId, row: SpecRow, totals: &mut Totals) -> Result<PlannedVm> {
        let (os, image) =
            self.image(&row.os, row.os_version.as_ref()).map_err(|reason| Error::invalid("os", reason))?;
        let uuid = domain_uuid(self.desk, request, &row.name);
        let sizes = if row.disks.is_empty() { vec![gib(image.virtual_size).max(DEFAULT_DISK)] } else { row.disks };
        let disks = sizes.into_iter().enumerate().map(|(index, size)| {
            let role = if index == 0 { DiskRole::System } else { DiskRole::Data };
            Ok(PlannedDisk { role, volume: disk_volume(&row.name, uuid, index)?, size })
        });
        let mut vm = PlannedVm {
            row: row.row,
            hostname: row.hostname,
            group_name: row.group_name,
            vcpu: row.vcpu,
            memory: row.memory,
            os: os.id,
            os_name: os.name.clone(),
            os_version: os.version.clone(),
            image_sha256: image.sha256.clone(),
            login: os.login.clone(),
            disks: disks.collect::<Result<_>>()?,
            ip: row.ip,
            uuid,
            mac: mac(uuid),
            host_key: self.secrets.host_key(uuid)?.public,
            description: row.description,
            warnings: Vec::new(),
            name: row.name,
        };
        vm.warnings = totals.add(&vm, self.host);
        Ok(vm)
    }

    /// The entry and image that a name and version mean: the newest entry if no version is given.
    fn image(&self, name: &OsName, version: Option<&OsVersion>) -> Result<(&'a Os, &'a Image), String> {
        let Some(os) = catalog::find(&self.oses, name.as_str(), version.map(OsVersion::as_str)) else {
            let version = version.map(|version| format!(":{version}")).unwrap_or_default();
            return Err(catalog::missing(&self.oses, &format!("{name}{version}")));
        };
        match &os.image {
            Some(image) => os.problem.clone().map_or(Ok((os, image)), Err),
            None if os.qcow2.is_some() => Err(format!("{}:{} is not imported yet; see its job", os.name, os.version)),
            None => {
                Err(format!("{}:{} has only an installer; machines are made from a qcow2 image", os.name, os.version))
            }
        }
    }
}

/// Returns the number of addresses that are free for machines of a request, if the host says. Every machine that was
/// made without a fixed address has one or will ask for one; a lease of something that is not a machine of the desk
/// takes one too.
fn free_addresses<'r>(
    host: &Host,
    others: &[&Vm],
    reserved: impl Iterator<Item = &'r Ipv4Addr>,
    own: &HashSet<MacAddress>,
) -> Option<u32> {
    let pool = host.address_pool.as_ref()?;
    let made = others.iter().filter(|vm| !vm.ip_fixed && !vm.adopted && vm.status != VmStatus::Request);
    let made: HashSet<_> = made.map(|vm| vm.mac).collect();
    let strangers = pool.taken.iter().filter(|(mac, _)| !own.contains(mac) && !made.contains(mac));
    let mut taken: HashSet<_> = strangers.map(|(_, address)| *address).chain(reserved.copied()).collect();
    let fixed = others.iter().filter(|vm| vm.ip_fixed).filter_map(|vm| vm.ip);
    taken.extend(fixed.filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None }));
    taken.extend(host.subnet.map(|subnet| subnet.gateway));
    Some(pool.free_beside(&taken).saturating_sub(u32::try_from(made.len()).unwrap_or(u32::MAX)))
}

impl Surroundings for Planner<'_> {
    fn name(&self, name: &VmName) -> Result<(), String> {
        match self.names.get(name) {
            Some(vm) if vm.status == VmStatus::Request => Err(format!(
                "{name} is taken by a request of {} whose machines are not made yet; choose another name, or have that \
                 request cancelled",
                vm.user_name
            )),
            Some(vm) => Err(format!("{name} is taken by a machine of {}", vm.user_name)),
            None if self.domains.contains(name.as_str()) => {
                Err(format!("{name} is taken by a domain on the host that is not of this desk"))
            }
            None => Ok(()),
        }
    }

    fn os(&self, name: &OsName, version: Option<&OsVersion>) -> Result<(), String> {
        self.image(name, version).map(|_| ())
    }

    fn disks(&self, disks: &[u32], name: &OsName, version: Option<&OsVersion>) -> Result<(), String> {
        // A wrong os is reported in its own column.
        let Ok((os, image)) = self.image(name, version) else { return Ok(()) };
        let least = gib(image.virtual_size);
        match disks.first() {
            Some(size) if *size < least => Err(format!(
                "{size} GiB is smaller than the image of {}:{}, which needs {least} GiB",
                os.name, os.version
            )),
            _ => Ok(()),
        }
    }

    fn vcpu(&self, vcpu: u32) -> Result<(), String> {
        if self.must_fit && vcpu > self.host.vcpus {
            return Err(format!("{vcpu} is more than the host's {} processors", self.host.vcpus));
        }
        Ok(())
    }

    fn memory(&self, memory: u32) -> Result<(), String> {
        if self.must_fit && u64::from(memory) > self.host.memory {
            return Err(format!("{memory} MiB is more than the host's {} MiB", self.host.memory));
        }
        Ok(())
    }

    fn os_like(&self, text: &str) -> Option<(OsName, OsVersion)> {
        let plain = |text: &str| {
            let words = text.split(|c: char| c.is_whitespace() || matches!(c, ':' | '-' | '_'));
            words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").to_lowercase()
        };
        let wanted = Some(text).filter(|text| text.len() <= MAX_LIKE).map(plain)?;
        let is_like = |os: &&&Os| plain(&format!("{}:{}", os.name, os.version)) == wanted;
        let mut found = self.oses.iter().filter(is_like);
        let os = found.next()?;
        // Two entries that differ in their punctuation alone are told apart by nothing but that.
        found.next().is_none().then(|| (os.name.clone(), os.version.clone()))
    }

    fn ip(&self, ip: Ipv4Addr) -> Result<(), String> {
        if !self.host.capabilities.reservations {
            return Err("addresses cannot be fixed on this host; leave it empty".to_owned());
        }
        match self.host.subnet {
            Some(subnet) if !subnet.can_assign(ip) => {
                Err(format!("{ip} is not a free address of the network {}/{}", subnet.gateway, subnet.prefix))
            }
            _ => match self.addresses.get(&ip) {
                Some(name) => Err(format!("{ip} is taken by {name}")),
                None => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::volume_name::volume_stem;
    use super::*;
    use crate::host::Subnet;
    use crate::model::{LoginName, OsId, Revision, Timestamp, UserId, UserName, VmId, VmStatus, VolumeName};
    use crate::secrets::MasterKey;

    const DESK: DeskId = DeskId(Uuid::from_u128(1));

    fn host() -> Host {
        let mut host = Host::new("host", 4, 8192);
        host.pool_available = 100 << 30;
        host.subnet = Some(Subnet { gateway: Ipv4Addr::new(192, 168, 122, 1), prefix: 24 });
        host.capabilities.reservations = true;
        host
    }

    fn debian() -> Os {
        Os {
            id: OsId(1),
            name: OsName::new("debian").expect("a name"),
            version: OsVersion::new("12").expect("a version"),
            iso: None,
            qcow2: Some("debian.qcow2".to_owned()),
            description: String::new(),
            login: LoginName::new("vmm").expect("a login"),
            image: Some(Image {
                volume: VolumeName::new("image.qcow2").expect("a volume"),
                sha256: "00".repeat(32),
                virtual_size: 3 << 30,
                stamp: None,
            }),
            problem: None,
            revision: Revision(1),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn id(id: &str) -> RequestId {
        RequestId::new(id).expect("an id")
    }

    fn plan_among(vms: &[Vm], request: &str, spec: &str) -> Result<Plan> {
        let secrets = Secrets::new(&MasterKey::from_bytes([7; 32]), &[7; 32], DESK);
        let (host, oses) = (host(), [debian()]);
        Planner::new(DESK, &secrets, &id(request), &host, &[], &oses, vms).plan(&id(request), spec)
    }

    fn plan(spec: &str) -> Result<Plan> {
        plan_among(&[], "r1", spec)
    }

    fn problems(result: Result<Plan>) -> Vec<String> {
        match result {
            Err(Error::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
            other => panic!("expected problems, got {other:?}"),
        }
    }

    /// The machine that a planned one becomes.
    fn made(planned: &PlannedVm, request: &str) -> Vm {
        let user = (UserId(1), UserName::new("alice").expect("a name"));
        Vm { status: VmStatus::Off, ..planned.record(VmId(1), &id(request), user, Timestamp::UNIX_EPOCH) }
    }

    #[test]
    fn the_same_request_gives_the_same_plan_and_another_one_another() {
        let spec = "name,os,disk\nweb-1,debian,20;100\n";
        let first = plan(spec).expect("a good request");
        assert_eq!(first, plan(spec).expect("a good request"));
        assert_ne!(first.hash(), plan_among(&[], "r2", spec).expect("a good request").hash());
        assert_ne!(first.hash(), plan(&spec.replace("100", "101")).expect("a good request").hash());
        let volumes: Vec<_> = first.vms[0].disks.iter().map(|disk| disk.volume.as_str()).collect();
        let stem = volume_stem(&first.vms[0].name, first.vms[0].uuid);
        assert_eq!(volumes, [format!("{stem}.system.qcow2"), format!("{stem}.data1.qcow2")]);
    }

    #[test]
    fn a_request_does_not_stand_in_its_own_way_but_in_that_of_others() {
        let spec = "name,os,ip\nweb-1,debian,192.168.122.50\n";
        let first = plan(spec).expect("a good request");
        let vms = [made(&first.vms[0], "r1")];
        assert_eq!(plan_among(&vms, "r1", spec).expect("its own machines"), first);
        let found = problems(plan_among(&vms, "r2", spec));
        assert_eq!(
            found,
            [
                "row 2, column name: web-1 is taken by a machine of alice",
                "row 2, column ip: 192.168.122.50 is taken by web-1"
            ]
        );
    }

    #[test]
    fn a_name_in_a_request_that_waits_is_told_as_such() {
        let first = plan("name,os\nweb-1,debian\n").expect("a good request");
        let waiting = [Vm { status: VmStatus::Request, ..made(&first.vms[0], "r1") }];
        let found = problems(plan_among(&waiting, "r2", "name,os\nweb-1,debian\n"));
        assert!(found[0].contains("web-1 is taken by a request of alice whose machines are not made yet"), "{found:?}");
    }

    #[test]
    fn an_os_is_found_by_likeness_if_one_entry_is_alike() {
        for text in ["Debian:12", "debian 12", "debian-12", "DEBIAN__12"] {
            let plan = plan(&format!("name,os\nweb-1,{text}\n")).expect("a good request");
            assert_eq!(plan.vms[0].os, OsId(1), "{text}");
            assert!(plan.understood[0].contains("is read as debian:12"), "{:?}", plan.understood);
        }
        for other in ["debian 1", "debian:1.2", "debian:1:2"] {
            assert!(problems(plan(&format!("name,os\nweb-1,{other}\n")))[0].contains("column os"), "{other}");
        }
    }

    #[test]
    fn problems_of_text_catalog_and_host_are_all_in_one_answer() {
        let found = problems(plan(
            "name,os,vcpu,memory,disk,ip\n\
             web-1,windows,,,,\n\
             web-2,debian:11,,,,\n\
             web-3,debian,5,,,\n\
             web-4,debian,,16GiB,,\n\
             web-5,debian,,,2,\n\
             web-6,debian,,,,10.0.0.1\n\
             web-7,debian,,,,192.168.122.1\n\
             Web-8,gentoo,0,,,\n",
        ));
        let places: Vec<_> = found.iter().map(|problem| problem.split(": ").next().unwrap_or_default()).collect();
        let expected = [
            "row 2, column os",
            "row 3, column os",
            "row 4, column vcpu",
            "row 5, column memory",
            "row 6, column disk",
            "row 7, column ip",
            "row 8, column ip",
            "row 9, column name",
            "row 9, column vcpu",
            "row 9, column os",
        ];
        assert_eq!(places, expected, "{found:#?}");
    }

    #[test]
    fn the_row_from_which_a_host_is_overcommitted_is_warned_about() {
        let plan =
            plan("name,os,memory,disk\na,debian,6GiB,\nb,debian,6GiB,80\nc,debian,,30\n").expect("a good request");
        let warned: Vec<_> = plan.vms.iter().map(|vm| vm.warnings.len()).collect();
        assert_eq!(warned, [0, 1, 1], "{plan:#?}");
    }
}
