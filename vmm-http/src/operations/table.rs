//! The one table of operations. Every layer reads it; no other file lists operations or their paths.
//!
//! A row begins with the farthest that its operation asks, and says only how the operation differs from the usual: it
//! takes one of the account's requests, holds its body in memory, takes an `Idempotency-Key` if it is a `POST`, and
//! conflicts with the present state unless it is a `GET`.

use vmm_core::Budget;

use super::row::{BodyRule, Lane, Row, host, machine, nothing, records, sign_in};

/// A row for every operation.
#[rustfmt::skip]
pub(super) const TABLE: [Row; 100] = [
    // Accounts
    sign_in("login"),
    sign_in("signInToConsole"),
    records("getWebSession").conflicts().on_own_page(),
    records("signOutOfConsole").takes(Lane::OfAccount(Budget::Revocations)).on_own_page(),
    records("logout").takes(Lane::OfAccount(Budget::Revocations)).on_own_page(),
    records("listSessions").on_own_page(),
    records("endSession").takes(Lane::OfAccount(Budget::Revocations)).on_own_page(),
    records("getSecondFactor").on_own_page(),
    records("beginSecondFactor").on_own_page(),
    records("confirmSecondFactor").on_own_page(),
    records("giveSecondFactor").on_own_page(),
    records("removeSecondFactor").on_own_page(),
    records("createTokens").on_own_page(),
    records("listTokens").on_own_page(),
    records("deleteToken").on_own_page(),
    records("revokeAccess").takes(Lane::OfAccount(Budget::Revocations)).on_own_page(),
    records("createLinkCode").on_own_page(),
    records("deleteLink").on_own_page(),
    records("updatePassword").takes(Lane::OfAccount(Budget::PasswordChanges)).old_spellings().on_own_page(),
    records("createUsers"),
    records("listUsers"),
    records("getUser"),
    records("updateUsers"),
    records("deleteUser"),
    records("getLimits").on_own_page(),
    host("listFiles"),
    host("getFile"),
    host("putFile").body(BodyRule::Streamed),
    host("deleteFile"),
    // Machines
    host("adoptVms"),
    host("listAdoptableDomains"),
    host("listVms"),
    host("getVm"),
    host("updateVms"),
    host("deleteVm"),
    host("getVmLogin").bare_key("vm").conflicts().on_own_page(),
    host("powerVm").bare_key("vm"),
    host("reclaimVm").bare_key("vm"),
    host("monitorVm").bare_key("vm").takes(Lane::OfCore).conflicts(),
    host("getVmHostKey").bare_key("vm").takes(Lane::OfCore).conflicts(),
    host("acceptVmHostKey").bare_key("vm"),
    host("getVmDefinition").bare_key("vm").conflicts(),
    host("acceptVmDefinition").bare_key("vm"),
    host("addDisks"),
    host("listDisks"),
    host("getDisk"),
    host("growDisks"),
    host("deleteDisk"),
    // Work on machines
    machine("runSshCommands").bare_key("vm"),
    machine("streamSshCommands").bare_key("vm"),
    machine("runSshCommandsOnMany"),
    machine("transferFiles").bare_key("direction").body(BodyRule::StreamedInParts),
    machine("streamFileTransfers").bare_key("direction"),
    // Requests
    host("submitRequests"),
    host("previewRequest"),
    host("readSpreadsheet"),
    host("getRequestTemplate"),
    host("listRequests"),
    host("getRequest"),
    host("getRequestSpec"),
    host("listRequestJobs"),
    host("getRequestResult"),
    host("approveRequest"),
    host("rejectRequest"),
    host("cancelRequest"),
    // Scripts
    host("createScripts"),
    host("listScripts").conflicts(),
    host("getScript").conflicts(),
    host("listScriptVersions").conflicts(),
    host("updateScripts"),
    host("deleteScript").bare_key("name"),
    host("runScripts").needs(Budget::Runs),
    host("listRuns").conflicts(),
    host("getRun").conflicts(),
    host("watchRun").needs(Budget::Streams).conflicts(),
    host("rerunScript").needs(Budget::Runs),
    host("cancelRun"),
    host("createSchedules"),
    host("listSchedules").conflicts(),
    host("getSchedule").conflicts(),
    host("updateSchedules"),
    host("deleteSchedule"),
    // Bots
    records("listBotGroups"),
    records("deleteBotGroup"),
    // The desk
    host("createOses"),
    host("listOses"),
    host("getOs"),
    host("updateOses"),
    host("importOs"),
    host("deleteOs"),
    records("listJobs"),
    records("getJob"),
    records("watchJob").needs(Budget::Streams),
    records("cancelJob"),
    records("retryJob"),
    records("closeJob"),
    records("listAudit"),
    nothing("getLiveness"),
    records("getReadiness").takes(Lane::Free),
    records("getMetrics"),
];

/// The sign-in form of the pages for browsers, which is no operation.
pub(crate) const SIGN_IN_FORM: Row = sign_in("signInForm");

/// A request for what is no operation.
pub(crate) const OTHER: Row = records("other");

/// The row of the operation with this id.
pub(crate) fn row(id: &str) -> Row {
    TABLE.iter().find(|row| row.id == id).copied().unwrap_or(OTHER)
}
