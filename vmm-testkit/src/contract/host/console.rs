//! Promises about what guests write to their consoles.

use super::subject::{Subject, assert_unsupported};

/// And it is there again under the same name for the next domain, empty.
pub async fn a_console_is_empty_until_the_domain_starts(subject: &Subject) {
    let spec = subject.define("web").await;
    if !subject.capabilities().await.console {
        assert_unsupported(&subject.hypervisor.console().tail(spec.uuid, 100).await);
        return;
    }
    assert_eq!(subject.hypervisor.console().tail(spec.uuid, 100).await.expect("it answers"), b"");
    subject.hypervisor.domains().start(spec.uuid).await.expect("it starts");
    assert!(subject.hypervisor.console().tail(spec.uuid, 100).await.expect("it answers").len() <= 100);
    subject.hypervisor.domains().stop(spec.uuid).await.expect("it stops");
    subject.hypervisor.definitions().undefine(spec.uuid).await.expect("it is gone");
    subject.hypervisor.definitions().define(&spec).await.expect("it is defined again");
    assert_eq!(subject.hypervisor.console().tail(spec.uuid, 100).await.expect("it answers"), b"");
}
