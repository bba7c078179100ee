//! Fakes, mocks, fixtures, contract suites and a real lab, for programs that embed vmm-core.

pub mod contract;
pub mod fake;
pub mod fixture;
pub mod image;
pub mod lab;
pub mod load;
pub mod proxy;
pub mod sample;
pub mod served;
pub mod sshd;
pub mod workbook;

/// mockall mocks of every trait of vmm-core.
pub mod mock {
    pub use vmm_core::files::MockFileStore;
    pub use vmm_core::host::{
        MockHostAdoption, MockHostConsole, MockHostDefinitions, MockHostDomains, MockHostInventory, MockHostNetwork,
        MockHostVolumes, MockHypervisor,
    };
    pub use vmm_core::mail::{MockMailInbox, MockMailMenus, MockMailNotices, MockMailOutbox};
    pub use vmm_core::remote::MockRemoteExec;
    pub use vmm_core::repository::{
        MockAuditRepository, MockBotGroupRepository, MockDiskRepository, MockFileRepository, MockHistoryRepository,
        MockIdempotencyRepository, MockJobRepository, MockKeyRepository, MockLinkRepository, MockOsRepository,
        MockRequestRepository, MockRunRepository, MockScheduleRepository, MockScriptRepository, MockSessionRepository,
        MockTokenRepository, MockUserRepository, MockVmRepository,
    };
}
