//! The policy: which actor may do which operation. One policy decides for every front end.

mod role_policy;

use std::fmt;

use crate::model::{AuditEntry, Outcome, Role, Token, TokenName, User, UserId, UserName, named};

pub use role_policy::RolePolicy;
pub(crate) use role_policy::needs_second_factor;

/// The actor of an operation: an account, vmm itself, or nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody: no session, no linked chat.
    Anonymous,
    /// An account.
    User {
        /// Its id.
        id: UserId,
        /// Its name.
        name: UserName,
        /// Its role.
        role: Role,
        /// The API token that stands for it, if it is not there itself.
        token: Option<TokenName>,
        /// Whether it has a second factor that was not given in the last ten minutes.
        unconfirmed: bool,
    },
    /// vmm itself or the program that embeds it.
    System,
}

impl Actor {
    /// The account as its token stands for it.
    pub(crate) fn with_token(user: &User, token: &Token) -> Self {
        let token = Some(token.name.clone());
        Self::User { id: user.id, name: user.name.clone(), role: user.role, token, unconfirmed: false }
    }

    /// The account's id, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Anonymous | Self::System => None,
        }
    }
}

impl Actor {
    /// The account itself for an actor that is its token; `None` for any other actor.
    pub(crate) fn behind_token(&self) -> Option<Self> {
        match self {
            Self::User { id, name, role, token: Some(_), unconfirmed } => {
                Some(Self::User { id: *id, name: name.clone(), role: *role, token: None, unconfirmed: *unconfirmed })
            }
            Self::User { .. } | Self::Anonymous | Self::System => None,
        }
    }
}

impl From<&User> for Actor {
    fn from(user: &User) -> Self {
        Self::User { id: user.id, name: user.name.clone(), role: user.role, token: None, unconfirmed: false }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("nobody"),
            Self::User { name, token: Some(token), .. } => write!(f, "{name} (token {token})"),
            Self::User { name, token: None, .. } => name.fmt(f),
            Self::System => f.write_str("vmm"),
        }
    }
}

/// Declares every operation with its name in the audit log and its phrase in a refusal.
macro_rules! actions {
    ($($(#[$doc:meta])* $action:ident = $name:literal, $phrase:literal;)+) => {
        named! {
            /// An operation that the policy decides on. Its word is its name in the audit log.
            #[non_exhaustive]
            Action { $($(#[$doc])* $action = $name,)+ }
        }

        impl Action {
            /// Returns the operation as a phrase in a sentence: "… may not *read the audit log*".
            pub fn phrase(self) -> &'static str {
                match self { $(Self::$action => $phrase),+ }
            }
        }
    };
}

actions! {
    /// Log in with name and password.
    Login = "session.login", "sign in";
    /// End a session.
    Logout = "session.logout", "end another person's sessions";
    /// See logins.
    SessionRead = "session.read", "see another person's sessions";
    /// Give the second factor again.
    SessionConfirm = "session.confirm", "give another person's second factor";
    /// See how the second factor of an account stands.
    SecondFactorRead = "second-factor.read", "see another person's second factor";
    /// Set up the second factor of an account.
    SecondFactorChange = "second-factor.change", "set up another person's second factor";
    /// Remove the second factor of an account.
    SecondFactorRemove = "second-factor.remove", "remove another person's second factor";
    /// Make an API token.
    TokenCreate = "token.create", "make API tokens";
    /// See API tokens.
    TokenRead = "token.read", "see another person's API tokens";
    /// Remove an API token.
    TokenDelete = "token.delete", "delete another person's API tokens";
    /// End all logins of an account and delete its API tokens.
    AccessRevoke = "access.revoke", "end another person's sessions and delete their API tokens";
    /// Make a code that binds a chat to an account.
    LinkCreate = "link.create", "link a chat to this account";
    /// Bind a chat by a code.
    LinkUse = "link.use", "link a chat to another person's account";
    /// Free an account of its chat.
    LinkDelete = "link.delete", "unlink this account from its chat";
    /// Allow a group to be served by a bot as private chats are.
    GroupAllow = "group.allow", "allow groups";
    /// See which groups are allowed.
    GroupRead = "group.read", "see allowed groups";
    /// End what a group is allowed.
    GroupDisallow = "group.disallow", "disallow groups";
    /// Make an account.
    UserCreate = "user.create", "create users";
    /// See accounts.
    UserRead = "user.read", "see users";
    /// Change an account.
    UserUpdate = "user.update", "change users";
    /// Remove an account.
    UserDelete = "user.delete", "delete users";
    /// Change a password.
    PasswordChange = "user.password", "change this password";
    /// Add to the catalog.
    OsCreate = "os.create", "add to the catalog";
    /// See the catalog.
    OsRead = "os.read", "see the catalog";
    /// Change a catalog entry.
    OsUpdate = "os.update", "change the catalog";
    /// Import the image of a catalog entry again.
    OsImport = "os.import", "import an image again";
    /// Remove from the catalog.
    OsDelete = "os.delete", "delete from the catalog";
    /// See machines.
    VmRead = "vm.read", "see machines";
    /// See a machine's figures.
    VmMonitor = "vm.monitor", "see a machine's figures";
    /// See the login that a machine was made with.
    VmLogin = "vm.login", "see the login of another person's machine";
    /// Start, shut down, stop or reboot a machine.
    VmPower = "vm.power", "switch another person's machine";
    /// Change a machine's record.
    VmUpdate = "vm.update", "change the records of machines";
    /// Take over machines that exist on the host without vmm, and see which do.
    VmAdopt = "vm.adopt", "adopt machines";
    /// Accept another host key for a machine.
    VmHostKey = "vm.host-key", "accept host keys of machines";
    /// Accept that a machine is defined otherwise on its host than vmm last saw it.
    VmDefinition = "vm.definition", "accept definitions of machines";
    /// Set vmm's tag again on a machine's domain that has lost it.
    VmReclaim = "vm.reclaim", "restore vmm's tag on machines";
    /// Remove a machine.
    VmDelete = "vm.delete", "delete machines";
    /// See disks of machines.
    DiskRead = "disk.read", "see disks";
    /// Add a disk to a machine.
    DiskCreate = "disk.create", "add disks to another person's machine";
    /// Make a disk larger.
    DiskGrow = "disk.grow", "grow disks of another person's machine";
    /// Remove a disk.
    DiskDelete = "disk.delete", "delete disks";
    /// Run commands on a machine.
    VmSsh = "vm.ssh", "run commands on machines";
    /// Carry files to and from a machine.
    VmTransfer = "vm.transfer", "copy files to and from machines";
    /// See and read files of a file area.
    FileRead = "file.read", "read another user's files";
    /// Put files into a file area, or remove them.
    FileWrite = "file.write", "change another user's files";
    /// Register a script.
    ScriptCreate = "script.create", "register scripts";
    /// See scripts.
    ScriptRead = "script.read", "see scripts";
    /// Change a script.
    ScriptChange = "script.change", "change another person's script";
    /// Remove a script.
    ScriptDelete = "script.delete", "delete another person's script";
    /// Run a script.
    ScriptRun = "script.run", "run scripts";
    /// Use the login stored with a script.
    ScriptLogin = "script.login", "use the login stored with another person's script (give one of your own)";
    /// See runs of scripts.
    RunRead = "run.read", "see runs";
    /// See the arguments of a run and what it wrote.
    RunOutput = "run.output", "see the arguments and the output of another person's run";
    /// Cancel a run.
    RunCancel = "run.cancel", "cancel another person's run";
    /// Have a script run by itself.
    ScheduleCreate = "schedule.create", "schedule another person's script";
    /// See schedules.
    ScheduleRead = "schedule.read", "see schedules";
    /// Enable or disable a schedule; see its arguments.
    ScheduleChange = "schedule.change", "change a schedule of another person's script";
    /// Remove a schedule.
    ScheduleDelete = "schedule.delete", "delete a schedule of another person's script";
    /// Submit a request.
    RequestSubmit = "request.submit", "request machines for another user";
    /// See requests.
    RequestRead = "request.read", "see another person's requests";
    /// Approve a request.
    RequestApprove = "request.approve", "approve requests";
    /// Reject a request.
    RequestReject = "request.reject", "reject requests";
    /// Take a request back.
    RequestCancel = "request.cancel", "cancel another person's request";
    /// See jobs.
    JobRead = "job.read", "see another person's jobs";
    /// Cancel a job.
    JobCancel = "job.cancel", "cancel another person's job";
    /// Try a stuck job again.
    JobRetry = "job.retry", "retry stuck jobs";
    /// Close a stuck job.
    JobClose = "job.close", "close stuck jobs";
    /// Change the master key.
    KeyRotate = "key.rotate", "change the master key";
    /// See the audit log.
    AuditRead = "audit.read", "read the audit log";
    /// See what an account's budgets are and how much of them is taken.
    LimitsRead = "limits.read", "see another person's limits";
    /// See the desk's figures: how many jobs, machines and so on.
    StatisticsRead = "statistics.read", "see the desk's figures";
    /// Use the pages for a browser.
    WebUse = "web.use", "use the web pages";
    /// See what the host is and has.
    HostRead = "host.read", "see the host";
}

/// The target of an operation: its kind and name for the audit log, and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Kind and name, like `vm web-1`; empty if the operation is about no one thing.
    pub label: String,
    /// The responsible person, the requester, or the account itself.
    pub owner: Option<UserId>,
}

impl Target {
    /// No one thing.
    pub fn none() -> Self {
        Self::default()
    }

    /// A thing that is nobody's.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), owner: None }
    }

    /// A person's thing.
    pub fn of(owner: UserId, label: impl Into<String>) -> Self {
        Self { label: label.into(), owner: Some(owner) }
    }
}

/// Decides who may do what. An embedder may bring another one.
pub trait Policy: Send + Sync {
    /// Returns whether this actor may do this to that.
    fn allows(&self, actor: &Actor, action: Action, target: &Target) -> bool;
}

/// The audit row of something that was done.
pub(crate) fn audit_entry(actor: &Actor, action: Action, target: String) -> AuditEntry {
    let (user, actor, action) = (actor.user_id(), actor.to_string(), action.as_str());
    let target = target.into();
    AuditEntry { user, actor, action, target, outcome: Outcome::Done, detail: String::new().into(), finishes: None }
}
