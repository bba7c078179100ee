//! Runs of scripts.

use std::collections::HashSet;
use std::time::Duration;

use secrecy::SecretString;

use crate::budget::Holder;
use crate::crash;
use crate::desk::{Desk, Vmm};
use crate::error::{Error, Kind, Problem, Result};
use crate::model::{
    Again, AuditEntry, Budget, FiringOf, NewRun, Page, Run, RunFilter, RunId, RunMachine, Script, ScriptArguments,
    ScriptName, ScriptTarget, VmFilter, VmId, VmName, VmStatus, one_more,
};
use crate::policy::{Action, Actor, Target};
use crate::remote::{Credential, Login};
use crate::script::{KEPT_ALIVE, Task};

use super::script::{in_version, login, stored_login};

/// The time that a script has on each machine if the call does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// On so many machines a script works at a time if the call does not say.
const DEFAULT_AT_ONCE: u32 = 8;
const MOST_AT_ONCE: u32 = 64;
/// On so many machines a script runs at most.
const MOST_MACHINES: usize = 500;

/// A run that somebody asks for. `Debug` shows no password.
#[derive(Debug)]
pub struct RunDraft {
    /// The script.
    pub script: ScriptName,
    /// The version of the script; `None` for the newest one.
    pub version: Option<u32>,
    /// The machines; `None` for those that the script names.
    pub targets: Option<Vec<ScriptTarget>>,
    /// The script's arguments on its command line. It is recorded with the run: no place for a secret.
    pub arguments: ScriptArguments,
    /// The login and the time.
    pub terms: RunTerms,
}

/// With which login a script runs, and for how long. `Debug` shows no password.
#[derive(Debug, Default)]
pub struct RunTerms {
    /// The user on the machines; without one the login stored with the script.
    pub user: Option<String>,
    /// The password on the machines. It stays in memory and goes with the run.
    pub password: Option<SecretString>,
    /// The time that each machine has, from connecting to the script's end; at most a day, 10 minutes if absent.
    pub timeout: Option<Duration>,
    /// On how many machines it works at a time: 1 to 64, 8 if absent. Other runs may make it fewer.
    pub at_once: Option<u32>,
}

impl Vmm {
    /// Starts a script on machines, in the background, and gives the record of the run. What it exits with is a result
    /// on each machine; one that cannot be reached does not stop the others.
    ///
    /// # Errors
    /// `Invalid` for a machine that is not there, and without a login; `Forbidden` for the login that is stored with
    /// another person's script, unless an admin asks: whoever may run a script with a login can do with that login
    /// whatever the script does, on any machine.
    pub async fn run_script(&self, actor: &Actor, draft: RunDraft) -> Result<Run> {
        self.run_script_for(actor, draft, None).await
    }

    /// Runs a script at a moment of a schedule.
    pub(crate) async fn run_script_for(&self, actor: &Actor, draft: RunDraft, firing: Option<FiringOf>) -> Result<Run> {
        let script = self.find_script_or_audit_failure(actor, Action::ScriptRun, &draft.script).await?;
        self.change(actor, Action::ScriptRun, Target::from(&script), |desk, audit| async move {
            let RunDraft { script: _, version, targets, arguments, terms } = draft;
            let script = in_version(&desk, script, version).await?;
            let terms = self.terms(actor, &desk, &script, terms).await?;
            let machines = machines(&desk, targets.as_deref().unwrap_or(&script.targets)).await?;
            self.check_machines(actor, &desk, &machines).await?;
            let content = desk.repository().scripts().content(&script.sha256).await?;
            let content =
                content.ok_or_else(|| Error::conflict(Kind::Script, &script.name, "changed just now; try again"))?;
            let Script { id, name, file, command, version, .. } = script;
            let new = NewRun {
                script: id,
                script_name: name,
                file,
                command,
                version,
                content,
                arguments,
                user: actor.user_id(),
                user_name: actor.to_string(),
                login: terms.login.user.clone(),
                timeout: terms.timeout,
                at_once: terms.at_once,
                rerun_of: None,
                firing,
                machines,
            };
            start(desk, new, terms, audit).await
        })
        .await
    }

    /// The machines that a run on these targets would have now, each once, in the order of the targets.
    ///
    /// # Errors
    /// `Invalid` that names `vm` for a target that is not there, and without any.
    pub async fn target_machines(&self, actor: &Actor, targets: &[ScriptTarget]) -> Result<Vec<VmName>> {
        let desk = self.read(actor, Action::VmRead, &Target::none())?;
        Ok(machines(&desk, targets).await?.into_iter().map(|(_, name)| name).collect())
    }

    /// Runs a script again, as it was and with the same arguments, on some of the machines of an ended run.
    ///
    /// # Errors
    /// As [`Vmm::run_script`]; `Forbidden` for a run with arguments that the actor may not see; `Conflict` while the
    /// run goes on, and if there is no such machine.
    pub async fn rerun_script(&self, actor: &Actor, id: RunId, only: Again, terms: RunTerms) -> Result<Run> {
        let run = self.find_run_or_audit_failure(actor, Action::ScriptRun, id).await?;
        let script = self.find_script_or_audit_failure(actor, Action::ScriptRun, &run.script_name).await?;
        self.change(actor, Action::ScriptRun, Target::from(&script), |desk, audit| async move {
            // A script of the same name that was registered later is another one.
            if run.script != Some(script.id) {
                return Err(Error::not_found(Kind::Script, &run.script_name));
            }
            // The new run shows the arguments to whoever started it.
            let seen = Target::from(&run);
            if run.arguments.as_ref().is_some_and(|arguments| !arguments.as_slice().is_empty())
                && !self.allows(actor, Action::RunOutput, &seen)
            {
                return Err(self.refusal(actor, Action::RunOutput, &seen));
            }
            let (timeout, at_once) = (terms.timeout.or(Some(run.timeout)), terms.at_once.or(Some(run.at_once)));
            let terms = RunTerms { timeout, at_once, ..terms };
            let terms = self.terms(actor, &desk, &script, terms).await?;
            if !run.state.is_final() {
                return Err(Error::conflict(Kind::Run, id, "has not ended; wait for it or cancel it"));
            }
            let machines = desk.repository().runs().machines(id).await?.into_iter();
            let again = machines.filter(|machine| only.takes(machine));
            let machines: Vec<_> = again.map(|machine| (machine.vm, machine.name)).collect();
            if machines.is_empty() {
                let reason = match only {
                    Again::Failed => "has no machine that failed or was interrupted, so there is nothing to rerun",
                    Again::Nonzero => {
                        "has no machine that failed, was interrupted or ended with an exit code other than 0, so there \
                         is nothing to rerun"
                    }
                    Again::Unknown => "has no machine whose end is unknown, so there is nothing to rerun",
                };
                return Err(Error::conflict(Kind::Run, id, reason));
            }
            self.check_machines(actor, &desk, &machines).await?;
            let content = desk.repository().scripts().content(&run.sha256).await?;
            let content = content.ok_or_else(|| Error::not_found(Kind::Run, id))?;
            let new = NewRun {
                script: script.id,
                script_name: run.script_name,
                file: run.file,
                command: run.command,
                version: run.version,
                content,
                arguments: run.arguments.unwrap_or_default(),
                user: actor.user_id(),
                user_name: actor.to_string(),
                login: terms.login.user.clone(),
                timeout: terms.timeout,
                at_once: terms.at_once,
                rerun_of: Some(id),
                firing: None,
                machines,
            };
            start(desk, new, terms, audit).await
        })
        .await
    }

    /// A page of runs, newest first.
    ///
    /// # Errors
    /// `Unauthenticated` for nobody.
    pub async fn script_runs(&self, actor: &Actor, filter: &RunFilter) -> Result<Page<Run, RunId>> {
        let desk = self.read(actor, Action::RunRead, &Target::none())?;
        let wanted = RunFilter { limit: one_more(filter.limit), ..filter.clone() };
        let mut runs = desk.repository().runs().list(&wanted).await?;
        runs.iter_mut().filter(|run| !self.sees_inside(actor, run)).for_each(|run| run.arguments = None);
        Ok(Page::cut(runs, filter.limit, |run| run.id))
    }

    /// A run; its arguments only for the person who started it and for admins.
    pub(in crate::ops) async fn shown_run(&self, actor: &Actor, id: RunId) -> Result<Run> {
        let mut run = self.lookup(actor)?.run(id).await?;
        self.read(actor, Action::RunRead, &Target::from(&run))?;
        if !self.sees_inside(actor, &run) {
            run.arguments = None;
        }
        Ok(run)
    }

    /// A run and its machines; its arguments and what was written only for the person who started it and for admins.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub async fn script_run(&self, actor: &Actor, id: RunId) -> Result<(Run, Vec<RunMachine>)> {
        let mut run = self.lookup(actor)?.run(id).await?;
        let desk = self.read(actor, Action::RunRead, &Target::from(&run))?;
        let mut machines = desk.repository().runs().machines(id).await?;
        if !self.sees_inside(actor, &run) {
            run.arguments = None;
            machines.iter_mut().for_each(|machine| machine.output = None);
        }
        Ok((run, machines))
    }

    /// Cancels a run: machines that wait never begin, and what runs on the others is killed.
    ///
    /// # Errors
    /// `Conflict` if it has ended; `Forbidden` for anyone but the person who started it and admins.
    pub async fn cancel_script_run(&self, actor: &Actor, id: RunId) -> Result<Run> {
        let run = self.find_run_or_audit_failure(actor, Action::RunCancel, id).await?;
        self.change(actor, Action::RunCancel, Target::from(&run), |desk, audit| async move {
            let run = desk.repository().runs().cancel(id, audit).await?;
            desk.runs().cancel(id);
            Ok(run)
        })
        .await
    }

    /// The run that an operation is about.
    async fn find_run_or_audit_failure(&self, actor: &Actor, action: Action, id: RunId) -> Result<Run> {
        self.find_or_audit_failure(actor, action, format!("run {id}"), async { self.lookup(actor)?.run(id).await })
            .await
    }

    /// Returns whether an actor may see what went into a run and came out of it.
    fn sees_inside(&self, actor: &Actor, run: &Run) -> bool {
        self.allows(actor, Action::RunOutput, &Target::from(run))
    }

    /// Refuses a run on a machine on which the actor may run no commands. One that is gone refuses it by itself.
    async fn check_machines(&self, actor: &Actor, desk: &Desk, machines: &[(VmId, VmName)]) -> Result<()> {
        let action = Action::VmSsh;
        for (id, _) in machines {
            let Some(vm) = desk.repository().vms().by_id(*id).await? else { continue };
            if !self.allows(actor, action, &Target::from(&vm)) {
                return Err(self.refusal(actor, action, &Target::from(&vm)));
            }
        }
        Ok(())
    }

    /// The login that was given, or the stored one if the actor may use it, and the time.
    async fn terms(&self, actor: &Actor, desk: &Desk, script: &Script, terms: RunTerms) -> Result<Terms> {
        let RunTerms { user, password, timeout, at_once } = terms;
        let (timeout, at_once) = pace(timeout, at_once)?;
        let (login, stored) = match login(user, password)? {
            Some((user, password)) => (Login { user, credential: Credential::Password(password) }, false),
            None if self.allows(actor, Action::ScriptLogin, &Target::from(script)) => {
                (stored_login(desk, script).await?, true)
            }
            None => return Err(self.refusal(actor, Action::ScriptLogin, &Target::from(script))),
        };
        Ok(Terms { login, stored, timeout, at_once, holder: actor.into() })
    }
}

/// Returns the time limit of each machine, and the number of machines at a time.
pub(in crate::ops) fn pace(timeout: Option<Duration>, at_once: Option<u32>) -> Result<(Duration, u32)> {
    let (timeout, at_once) = (timeout.unwrap_or(DEFAULT_TIMEOUT), at_once.unwrap_or(DEFAULT_AT_ONCE));
    if timeout < Duration::from_secs(1) || timeout > LONGEST_TIMEOUT {
        let longest = LONGEST_TIMEOUT.as_secs();
        return Err(Error::invalid("timeout", format!("must be 1 to {longest} seconds")));
    }
    if !(1..=MOST_AT_ONCE).contains(&at_once) {
        return Err(Error::invalid("at_once", format!("must be 1 to {MOST_AT_ONCE} machines")));
    }
    Ok((timeout, at_once))
}

struct Terms {
    login: Login,
    stored: bool,
    timeout: Duration,
    at_once: u32,
    holder: Holder,
}

/// Records the run, and then begins it.
async fn start(desk: Desk, new: NewRun, terms: Terms, mut audit: AuditEntry) -> Result<Run> {
    let place = desk.budgets().take(Budget::Runs, terms.holder)?;
    let (machines, content, arguments) = (new.machines.clone(), new.content.clone(), new.arguments.clone());
    let whose = if terms.stored { "the stored login" } else { "a login given with the call" };
    let mut detail = format!("on {} machines with {whose}", machines.len());
    if let Some(firing) = &new.firing {
        detail.push_str(&format!(", by schedule {}", firing.schedule));
    }
    let fires = new.firing.is_some();
    audit.detail = detail.into();
    let run = desk.repository().runs().create(new, chrono::Utc::now() + KEPT_ALIVE, audit).await?;
    if fires {
        crash::point("schedule", "fire", "recorded").await;
    }
    Task { run: run.clone(), machines, content, arguments, login: terms.login, holder: terms.holder, _place: place }
        .start(desk);
    Ok(run)
}

/// The machines that targets stand for at this moment, each once, in the order of the targets.
pub(in crate::ops) async fn machines(desk: &Desk, targets: &[ScriptTarget]) -> Result<Vec<(VmId, VmName)>> {
    let (mut machines, mut seen, mut problems) = (Vec::new(), HashSet::new(), Vec::new());
    for target in targets {
        let vms = match target {
            ScriptTarget::Vm(name) => Vec::from_iter(desk.repository().vms().by_name(name).await?),
            ScriptTarget::Group(group) => {
                let filter = VmFilter { group_name: Some(group.clone()), ..VmFilter::default() };
                desk.repository().vms().list(&filter).await?
            }
        };
        let there: Vec<_> = vms.into_iter().filter(|vm| vm.status != VmStatus::Request).collect();
        match target {
            ScriptTarget::Vm(name) if there.is_empty() => problems.push(format!("there is no machine {name}")),
            ScriptTarget::Group(group) if there.is_empty() => problems.push(format!("no machine is in group {group}")),
            _ => machines.extend(there.into_iter().filter(|vm| seen.insert(vm.id)).map(|vm| (vm.id, vm.name))),
        }
    }
    if targets.is_empty() {
        problems.push("names no machine, and neither does the script; name at least one".to_owned());
    }
    if machines.len() > MOST_MACHINES {
        problems.push(format!("these are {} machines; at most {MOST_MACHINES} at once", machines.len()));
    }
    if problems.is_empty() {
        Ok(machines)
    } else {
        Err(Error::Invalid(problems.into_iter().map(|reason| Problem::new("vm", reason)).collect()))
    }
}
