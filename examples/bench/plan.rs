//! Planning and listing a thousand machines, on a real SQLite file and a fake host.

use std::fmt::Write;
use std::time::Instant;

use vmm_core::model::VmFilter;
use vmm_testkit::fixture::TestDesk;

const MACHINES: usize = 1000;
const RUNS: usize = 9;

pub(crate) async fn run() {
    let desk = TestDesk::new().await;
    let mut spec = "name,hostname,group_name,vcpu,memory,os,disk,description\n".to_owned();
    for number in 0..MACHINES {
        writeln!(spec, "lab-{number},lab-{number}.class,class,2,2GiB,debian:12,20;5,seat {number}").expect("a string");
    }
    let (mut planned, mut listed) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let since = Instant::now();
        let request = desk.submit(&format!("run-{run}"), &spec).await;
        planned.push(since.elapsed());
        let since = Instant::now();
        let vms = desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines");
        listed.push(since.elapsed());
        assert_eq!(vms.len(), MACHINES);
        desk.vmm.cancel_request(&desk.user, &request.id).await.expect("a request that is taken back");
    }
    super::show("plan and record a CSV of 1,000 rows", &mut planned, None);
    super::show("list 1,000 machines with their states", &mut listed, None);
}
