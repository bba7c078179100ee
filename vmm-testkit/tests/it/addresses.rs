//! Addresses of the host's network are counted before machines are promised any.

use std::net::Ipv4Addr;

use vmm_core::Error;
use vmm_core::host::{AddressPool, Host, Hypervisor};
use vmm_core::model::{MacAddress, RequestState, VmFilter};
use vmm_testkit::fixture::TestDesk;
use vmm_testkit::sample;

/// A host that hands out this many addresses, beginning with 192.0.2.10.
fn hands_out(count: u8) -> impl FnOnce(&mut Host) {
    let range = (Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(192, 0, 2, 9 + count));
    move |host| host.address_pool = Some(AddressPool { ranges: vec![range], taken: Vec::new() })
}

/// Lets something that is not a machine of the desk have an address.
fn lease_to_a_stranger(host: &mut Host, last: u8) {
    let pool = host.address_pool.as_mut().expect("it hands out addresses");
    pool.taken.push((MacAddress::local([9, 9, 9, 9, last]), Ipv4Addr::new(192, 0, 2, last)));
}

async fn refused(desk: &TestDesk, id: &str, spec: &str) -> String {
    let draft = vmm_core::RequestDraft {
        id: sample::request_id(id),
        requester: None,
        description: String::new(),
        spec: spec.to_owned(),
    };
    match desk.vmm.submit_request(&desk.user, draft).await {
        Err(Error::Invalid(problems)) if problems.len() == 1 => problems[0].to_string(),
        other => panic!("not one problem: {other:?}"),
    }
}

#[tokio::test]
async fn a_request_for_more_machines_than_free_addresses_is_refused_from_the_row_on_that_finds_none() {
    let desk = TestDesk::new().await;
    desk.hypervisor.change_host(hands_out(4));
    desk.hypervisor.change_host(|host| lease_to_a_stranger(host, 13));
    let problem = refused(&desk, "r1", "name,os,count\na,debian,\nb,debian,\nc,debian,3\n").await;
    assert!(problem.contains("row 4") && problem.contains("ip"), "{problem}");
    assert!(problem.contains("hands out 4, of which 3 are free, and 5 machines ask for one"), "{problem}");
    // A fixed address of the range is one of the free ones; one outside is not.
    let problem = refused(&desk, "r1", "name,os,ip\na,debian,192.0.2.10\nb,debian,\nc,debian,\nd,debian,\n").await;
    assert!(problem.contains("row 5") && problem.contains("2 are free"), "{problem}");
    let spec = "name,os,ip\na,debian,192.0.2.99\nb,debian,\nc,debian,\nd,debian,\n";
    assert_eq!(desk.submit("r1", spec).await.plan.seen.addresses_free, Some(3));
}

#[tokio::test]
async fn machines_that_were_made_take_an_address_each_and_requests_that_wait_are_warned_about() {
    let desk = TestDesk::new().await;
    desk.hypervisor.change_host(hands_out(4));
    desk.provision("r1", "name,os,count\nweb,debian,2\n").await;
    let problem = refused(&desk, "r2", "name,os,count\ndb,debian,3\n").await;
    assert!(problem.contains("hands out 4, of which 2 are free"), "{problem}");
    assert!(desk.submit("r2", "name,os\ndb,debian\n").await.plan.vms[0].warnings.is_empty());
    let warned = desk.submit("r3", "name,os,count\nlab,debian,2\n").await.plan;
    let warnings: Vec<_> = warned.vms.iter().map(|vm| vm.warnings.len()).collect();
    assert_eq!(warnings, [0, 1], "one machine of r2 waits for one of the two: {warned:?}");
}

#[tokio::test]
async fn a_host_that_does_not_say_what_it_hands_out_is_not_counted() {
    let desk = TestDesk::new().await;
    assert_eq!(desk.submit("r1", "name,os,count\nlab,debian,300\n").await.plan.seen.addresses_free, None);
}

#[tokio::test]
async fn a_request_whose_addresses_were_taken_after_its_approval_returns_with_the_figures() {
    let mut desk = TestDesk::new().await;
    desk.hypervisor.change_host(hands_out(3));
    let request = desk.submit("r1", "name,os,count\nweb,debian,2\n").await;
    desk.stop_worker().await;
    desk.approve(&request).await;
    desk.hypervisor.change_host(|host| (10..12).for_each(|last| lease_to_a_stranger(host, last)));
    desk.start_worker();
    let returned = desk.settled(&request.id).await;
    let reason = returned.reason.as_deref().unwrap_or_default();
    assert_eq!((returned.state, returned.plan_hash), (RequestState::Pending, request.plan_hash), "{reason}");
    assert!(reason.contains("from web-2 on no address is free"), "{reason}");
    assert!(reason.contains("had 3 free when it was planned and has 1 now"), "{reason}");
    assert!(desk.hypervisor.domains().list().await.expect("domains").is_empty());
    desk.hypervisor.change_host(hands_out(3));
    desk.approve(&returned).await;
    assert_eq!(desk.settled(&request.id).await.state, RequestState::Done);
}

#[tokio::test]
async fn a_machine_that_gets_no_address_because_none_is_free_is_told_so_and_no_console() {
    let desk = TestDesk::new().await;
    desk.hypervisor.change_host(hands_out(1));
    desk.hypervisor.boot_text("udhcpc: sending DISCOVER\nudhcpc: sending DISCOVER\n");
    let request = desk.submit("r1", "name,os\nweb-1,debian\n").await;
    desk.hypervisor.set_addresses(request.plan.vms[0].uuid, Vec::new());
    desk.approve(&request).await;
    desk.until("it is started", async || desk.hypervisor.calls("domains.start") > 0).await;
    desk.hypervisor.change_host(|host| lease_to_a_stranger(host, 10));
    let failed = desk.settled(&request.id).await;
    let reason = failed.reason.expect("a reason");
    assert_eq!(failed.state, RequestState::Failed, "{reason}");
    assert!(reason.contains("none of the 1 addresses that the network hands out is free"), "{reason}");
    assert!(!reason.contains("DISCOVER"), "{reason}");
    assert!(desk.vmm.vms(&desk.admin, &VmFilter::default()).await.expect("machines").is_empty());
}
