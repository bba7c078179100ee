//! A small hostile crowd; `make load` brings a large one.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use vmm_testkit::load;

use crate::program::Place;

/// The time that a slow connection may last.
const BORNE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_slow_clients_and_a_storm_of_logins_cost_little() {
    let place = Place::new();
    place.run(&["init"], "").await;
    let (child, address) = place.serve_with(&[("VMM_TRUSTED_PROXIES", Path::new("127.0.0.1"))]).await;
    let address: SocketAddr = address.trim_start_matches("http://").parse().unwrap();
    let process = child.id().unwrap();

    let before = load::forget_peak(process).unwrap();
    for chunked in [false, true] {
        assert_eq!(load::flood(address, 200_000_000, chunked).await.unwrap(), 413);
    }
    let grown = load::peak_memory(process).unwrap() - before;
    assert!(grown <= 16 << 20, "{grown} bytes for large bodies");

    let before = load::forget_peak(process).unwrap();
    let statuses = load::logins(address, 100).await;
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    let grown = load::peak_memory(process).unwrap() - before;
    assert!(grown <= 128 << 20, "{grown} bytes for 100 logins");

    for borne in load::crowd(address, 60, 2 * BORNE).await.unwrap() {
        assert!(borne.is_some_and(|borne| borne <= BORNE), "{borne:?}");
    }
}
