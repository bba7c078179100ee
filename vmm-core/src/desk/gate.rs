//! The only way from an operation to the backends.
//!
//! An operation names its [`Action`] and [`Target`]; the gate asks the policy, hands out a [`Desk`], and sees to the
//! audit row: [`Vmm::change`] for what changes records alone, [`Vmm::effect`] for what changes something outside.

use std::sync::{Arc, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tracing::warn;

use super::glance::Glances;
use super::health::Health;
use super::holders::Holders;
use super::runs::Runs;
use super::{Backends, Vmm};
use crate::attempts::Attempts;
use crate::budget::{Budgets, Holder, Place, Turn};
use crate::config::Settings;
use crate::error::{Error, Kind, Part, Result};
use crate::files::FileStore;
use crate::host::Hypervisor;
use crate::mail::MailStore;
use crate::model::{
    AuditEntry, AuditId, BotGroup, BotId, Budget, Disk, DiskId, Job, JobId, ObservedStates, Outcome, Request,
    RequestId, Run, RunId, Schedule, ScheduleId, Script, ScriptName, Session, SessionId, UsedRight, User, UserId,
    UserName, Vm, VmId, VmName,
};
use crate::password::Passwords;
use crate::policy::{Action, Actor, Target, audit_entry, needs_second_factor};
use crate::remote::RemoteExec;
use crate::repository::Repository;
use crate::secrets::Secrets;

/// The backends, for somebody who passed the gate.
#[derive(Clone)]
pub(crate) struct Desk {
    backends: Arc<Backends>,
}

impl Desk {
    pub(crate) fn repository(&self) -> &dyn Repository {
        self.backends.repository.as_ref()
    }

    pub(crate) fn hypervisor(&self) -> &dyn Hypervisor {
        self.backends.hypervisor.as_ref()
    }

    /// For [`Machine`](super::machine::Machine) alone, which knows where a machine is.
    pub(super) fn remote(&self) -> &dyn RemoteExec {
        self.backends.remote.as_ref()
    }

    /// Returns the mail of bots, if the desk has a store for it.
    pub(crate) fn mail(&self) -> Result<&dyn MailStore> {
        self.backends.mail.as_deref().ok_or(Error::Unsupported("the mail of bots"))
    }

    /// The place for users' files, if the desk has one.
    pub(crate) fn files(&self) -> Result<&dyn FileStore> {
        self.backends.files.as_deref().ok_or(Error::Unsupported("the file area"))
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.backends.secrets
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.backends.passwords
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.backends.attempts
    }

    /// Whose places the tokens take that were authenticated lately.
    pub(crate) fn holders(&self) -> &Holders {
        &self.backends.holders
    }

    pub(crate) fn budgets(&self) -> &Budgets {
        &self.backends.budgets
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.backends.settings
    }

    /// The runs of scripts in this process.
    pub(crate) fn runs(&self) -> &Runs {
        &self.backends.runs
    }

    /// Returns the states of the machines on the host, at most about a second old; all unknown if the host does not
    /// answer.
    pub(crate) async fn observed_states(&self) -> Arc<ObservedStates> {
        self.backends.states.look_ahead(&self.backends, |backends| (&backends.states, backends.hypervisor.domains()));
        self.backends.states.states(self.hypervisor().domains()).await
    }

    /// Returns whether the desk's backends answered in this second; `look` asks them if nobody did.
    pub(crate) async fn health<F: Future<Output = Health>>(&self, look: impl FnOnce() -> F) -> Health {
        self.backends.health.get(look).await
    }

    /// To call after something was done to a machine, so that nobody is told how it was before.
    pub(crate) fn forget_states(&self) {
        self.backends.states.forget();
    }

    /// Woken when there is a job to do.
    pub(crate) fn work(&self) -> &Notify {
        &self.backends.work
    }
}

/// Looks records up by name, to know whose they are before the policy is asked. Nothing of it reaches the caller.
pub(crate) struct Lookup<'a> {
    repository: &'a dyn Repository,
}

impl Lookup<'_> {
    pub(crate) async fn user(&self, name: &UserName) -> Result<User> {
        self.repository.users().by_name(name).await?.ok_or_else(|| Error::not_found(Kind::User, name))
    }

    /// The account with this id, while it is there.
    pub(crate) async fn user_by_id(&self, id: UserId) -> Result<Option<User>> {
        self.repository.users().by_id(id).await
    }

    pub(crate) async fn vm(&self, name: &VmName) -> Result<Vm> {
        self.repository.vms().by_name(name).await?.ok_or_else(|| Error::not_found(Kind::Vm, name))
    }

    /// A disk and its machine.
    pub(crate) async fn disk(&self, id: DiskId) -> Result<(Disk, Vm)> {
        let missing = || Error::not_found(Kind::Disk, id);
        let disk = self.repository.disks().by_id(id).await?.ok_or_else(missing)?;
        let vm = self.repository.vms().by_id(disk.vm).await?.ok_or_else(missing)?;
        Ok((disk, vm))
    }

    /// The responsible person of the machine with this id, while it is there.
    pub(crate) async fn responsible(&self, id: VmId) -> Result<Option<UserId>> {
        Ok(self.repository.vms().by_id(id).await?.map(|vm| vm.user))
    }

    pub(crate) async fn request(&self, id: &RequestId) -> Result<Request> {
        self.repository.requests().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Request, id))
    }

    pub(crate) async fn session(&self, id: SessionId) -> Result<Session> {
        self.repository.sessions().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Session, id))
    }

    pub(crate) async fn script(&self, name: &ScriptName) -> Result<Script> {
        self.repository.scripts().by_name(name).await?.ok_or_else(|| Error::not_found(Kind::Script, name))
    }

    pub(crate) async fn run(&self, id: RunId) -> Result<Run> {
        self.repository.runs().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Run, id))
    }

    pub(crate) async fn schedule(&self, id: ScheduleId) -> Result<Schedule> {
        self.repository.schedules().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Schedule, id))
    }

    pub(crate) async fn group(&self, bot: BotId, chat: i64) -> Result<BotGroup> {
        self.repository.groups().by_chat(bot, chat).await?.ok_or_else(|| Error::not_found(Kind::Group, chat))
    }

    pub(crate) async fn job(&self, id: JobId) -> Result<Job> {
        self.repository.jobs().by_id(id).await?.ok_or_else(|| Error::not_found(Kind::Job, id))
    }
}

/// Refuses what asks for the second factor again while it was not given lately.
fn check_second_factor(actor: &Actor, action: Action) -> Result<()> {
    let due = matches!(actor, Actor::User { unconfirmed: true, .. }) && needs_second_factor(action);
    if due { Err(Error::SecondFactorNeeded { sign_in: false }) } else { Ok(()) }
}

impl Vmm {
    /// Look-ups for an actor who is somebody.
    pub(crate) fn lookup(&self, actor: &Actor) -> Result<Lookup<'_>> {
        match actor {
            Actor::Anonymous => Err(Error::Unauthenticated),
            Actor::User { .. } | Actor::System => Ok(Lookup { repository: self.backends.repository.as_ref() }),
        }
    }

    /// Returns the backends without asking the policy, and without an audit row. It is for vmm's own work alone, which
    /// nobody asked for at this moment: jobs, sweeps, sign-ins. The architecture test lists the files that may call it.
    pub(crate) fn unguarded(&self) -> Desk {
        Desk { backends: Arc::clone(&self.backends) }
    }

    /// The desk, of which [`used_rights`](Self::used_rights) tells later what its policy allowed.
    pub(crate) fn remembering_rights(&self) -> Self {
        Self { rights: Some(Arc::default()), ..self.clone() }
    }

    /// Returns the rights that the policy has allowed since [`remembering_rights`](Self::remembering_rights), each
    /// once.
    pub(crate) fn used_rights(&self) -> Vec<UsedRight> {
        let rights = self.rights.as_ref().map(|rights| rights.lock().unwrap_or_else(PoisonError::into_inner).clone());
        rights.unwrap_or_default()
    }

    /// Returns the looks that open watches share.
    pub(crate) fn glances(&self) -> &Glances {
        &self.backends.glances
    }

    /// Takes a place of a budget, which is given back when it is dropped.
    ///
    /// # Errors
    /// [`Error::OverBudget`] if the holder's share or all of it is taken.
    pub fn take_place(&self, budget: Budget, holder: Holder) -> Result<Place> {
        self.backends.budgets.take(budget, holder)
    }

    /// Waits until it is the turn of a request of this holder. Returns `None` for a request that has waited for 20
    /// seconds and is worked on without a turn. A turn passes on by itself after 250 ms, since a request that lasts
    /// longer mostly waits for a host; a turn that was waited for lasts at least 25 ms.
    pub async fn turn(&self, holder: Holder) -> Option<Turn> {
        self.backends.budgets.turn(holder).await
    }

    /// A place that has nothing of its budget yet, for what [grows](Place::grow).
    ///
    /// # Errors
    /// As [`take_place`](Self::take_place).
    pub fn take_nothing(&self, budget: Budget, holder: Holder) -> Result<Place> {
        self.backends.budgets.take_amount(budget, holder, 0, 0)
    }

    /// Returns whether the policy allows this.
    pub(crate) fn allows(&self, actor: &Actor, action: Action, target: &Target) -> bool {
        let allowed = self.backends.policy.allows(actor, action, target);
        if let Some(rights) = self.rights.as_ref().filter(|_| allowed) {
            let Target { label, owner } = target.clone();
            let right = UsedRight { action: action.as_str().to_owned(), label, owner };
            let mut rights = rights.lock().unwrap_or_else(PoisonError::into_inner);
            if !rights.contains(&right) {
                rights.push(right);
            }
        }
        allowed
    }

    /// The way in for what changes nothing.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] for nobody, [`Error::Forbidden`] if the policy says no, [`Error::SecondFactorNeeded`] for
    /// what asks for one that was given lately.
    pub(crate) fn read(&self, actor: &Actor, action: Action, target: &Target) -> Result<Desk> {
        if !self.allows(actor, action, target) {
            return Err(self.refusal(actor, action, target));
        }
        check_second_factor(actor, action)?;
        Ok(self.unguarded())
    }

    /// Looks for what an operation is to change. That it is not there, or not for this actor to see, is recorded as the
    /// operation's failure.
    pub(crate) async fn find_or_audit_failure<T>(
        &self,
        actor: &Actor,
        action: Action,
        label: impl Into<String> + Send,
        looking: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let result = looking.await;
        if let (Err(error), Actor::User { .. } | Actor::System) = (&result, actor) {
            self.record_failure(audit_entry(actor, action, label.into()), error, None).await;
        }
        result
    }

    /// The way in for what changes records. The operation hands its [`AuditEntry`] to the one repository method that
    /// makes the change, which writes both in one transaction. A refusal or failure is recorded here.
    pub(crate) async fn change<T, F>(
        &self,
        actor: &Actor,
        action: Action,
        target: Target,
        operation: impl FnOnce(Desk, AuditEntry) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let entry = self.enter(actor, action, &target).await?;
        let result = operation(self.unguarded(), entry.clone()).await;
        if let Err(error) = &result {
            self.backends.budgets.note(error);
            // Somebody who asks for a place again and again would fill the audit log. The metrics count the refusals.
            let is_without_place = matches!(error, Error::OverBudget { budget, .. } if !budget.is_stored());
            if !is_without_place {
                self.record_failure(entry, error, None).await;
            }
        }
        result
    }

    /// The way in for what has an effect outside the records. That it begins is recorded before it does; if that is
    /// not possible, it does not begin.
    pub(crate) async fn effect<T, F>(
        &self,
        actor: &Actor,
        action: Action,
        target: Target,
        detail: String,
        operation: impl FnOnce(Desk) -> F + Send,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let entry = AuditEntry { detail: detail.into(), ..self.enter(actor, action, &target).await? };
        let audit = self.backends.repository.audit();
        let started = audit.record(AuditEntry { outcome: Outcome::Started, ..entry.clone() }).await?;
        let mut begun = EffectGuard { vmm: self, entry: entry.clone(), started, ended: false };
        let result = operation(self.unguarded()).await;
        begun.ended = true;
        match &result {
            Ok(_) => {
                let end = AuditEntry { finishes: Some(started), ..entry };
                if let Err(error) = audit.record(end).await {
                    warn!(%error, "the end of an operation could not be recorded");
                }
            }
            Err(error) => self.record_failure(entry, error, Some(started)).await,
        }
        result
    }

    /// Asks the policy. A refusal is recorded.
    pub(crate) async fn enter(&self, actor: &Actor, action: Action, target: &Target) -> Result<AuditEntry> {
        let entry = audit_entry(actor, action, target.label.clone());
        if self.allows(actor, action, target) {
            check_second_factor(actor, action)?;
            return Ok(entry);
        }
        self.backends.repository.audit().record(AuditEntry { outcome: Outcome::Denied, ..entry }).await?;
        Err(self.refusal(actor, action, target))
    }

    /// Returns the error for the policy's refusal.
    pub(crate) fn refusal(&self, actor: &Actor, action: Action, target: &Target) -> Error {
        if *actor == Actor::Anonymous {
            return Error::Unauthenticated;
        }
        let sign_in = actor.behind_token().is_some_and(|account| self.allows(&account, action, target));
        Error::Forbidden { actor: actor.to_string(), action: action.phrase(), sign_in }
    }

    async fn record_failure(&self, entry: AuditEntry, error: &Error, finishes: Option<AuditId>) {
        let entry = AuditEntry { outcome: Outcome::Failed, detail: error.to_string().into(), finishes, ..entry };
        if let Err(error) = self.backends.repository.audit().record(entry).await {
            warn!(%error, "the failure of an operation could not be recorded");
        }
    }
}

/// Records the end of an effect whose caller stops waiting, when it is dropped.
struct EffectGuard<'a> {
    vmm: &'a Vmm,
    entry: AuditEntry,
    started: AuditId,
    ended: bool,
}

impl Drop for EffectGuard<'_> {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else { return };
        if self.ended {
            return;
        }
        let (vmm, entry, started) = (self.vmm.clone(), self.entry.clone(), self.started);
        runtime.spawn(async move {
            let error = Error::unavailable(Part::Desk, "whoever asked for it stopped waiting before its end");
            vmm.record_failure(entry, &error, Some(started)).await;
        });
    }
}
