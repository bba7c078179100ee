//! The rights of the roles `user` and `admin`.

use super::{Action, Actor, Policy, Target};
use crate::model::Role;

/// The rights of the roles `user` and `admin` as documented in `docs/SECURITY.md`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RolePolicy;

impl Policy for RolePolicy {
    fn allows(&self, actor: &Actor, action: Action, target: &Target) -> bool {
        let (id, role, token) = match actor {
            Actor::System => return true,
            Actor::Anonymous => return action == Action::Login,
            Actor::User { id, role, token, .. } => (*id, *role, token.is_some()),
        };
        if token && needs_sign_in(action) {
            return false;
        }
        match allowed(action) {
            Allowed::Everybody => true,
            Allowed::OwnerAndAdmins => role == Role::Admin || target.owner == Some(id),
            Allowed::Owner => target.owner == Some(id),
            Allowed::Admins => role == Role::Admin,
        }
    }
}

/// The accounts that an operation is for.
enum Allowed {
    /// Every account.
    Everybody,
    /// The account that owns the target, and every admin.
    OwnerAndAdmins,
    /// The account that owns the target alone.
    Owner,
    /// Every admin.
    Admins,
}

/// Returns the accounts that an operation is for.
#[allow(clippy::too_many_lines, reason = "a table with one line for each operation, which the compiler keeps complete")]
fn allowed(action: Action) -> Allowed {
    match action {
        Action::Login
        | Action::OsRead
        | Action::VmRead
        | Action::VmMonitor
        | Action::DiskRead
        | Action::VmSsh
        | Action::VmTransfer
        | Action::ScriptCreate
        | Action::ScriptRead
        | Action::ScriptRun
        | Action::RunRead
        | Action::ScheduleRead => Allowed::Everybody,
        Action::PasswordChange
        | Action::Logout
        | Action::SessionRead
        | Action::SecondFactorRead
        | Action::SecondFactorRemove
        | Action::TokenCreate
        | Action::TokenRead
        | Action::TokenDelete
        | Action::AccessRevoke
        | Action::LinkCreate
        | Action::LinkUse
        | Action::LinkDelete
        | Action::VmLogin
        | Action::VmPower
        | Action::DiskCreate
        | Action::DiskGrow
        | Action::ScriptChange
        | Action::ScriptLogin
        | Action::ScriptDelete
        | Action::RunOutput
        | Action::RunCancel
        | Action::ScheduleCreate
        | Action::ScheduleChange
        | Action::ScheduleDelete
        | Action::RequestSubmit
        | Action::RequestRead
        | Action::RequestCancel
        | Action::FileRead
        | Action::FileWrite
        | Action::LimitsRead
        | Action::JobRead
        | Action::JobCancel => Allowed::OwnerAndAdmins,
        Action::SessionConfirm | Action::SecondFactorChange => Allowed::Owner,
        Action::GroupAllow
        | Action::GroupRead
        | Action::GroupDisallow
        | Action::UserCreate
        | Action::UserRead
        | Action::UserUpdate
        | Action::UserDelete
        | Action::OsCreate
        | Action::OsUpdate
        | Action::OsImport
        | Action::OsDelete
        | Action::VmUpdate
        | Action::VmAdopt
        | Action::VmHostKey
        | Action::VmDefinition
        | Action::VmReclaim
        | Action::VmDelete
        | Action::DiskDelete
        | Action::RequestApprove
        | Action::RequestReject
        | Action::JobRetry
        | Action::JobClose
        | Action::KeyRotate
        | Action::AuditRead
        | Action::StatisticsRead
        | Action::WebUse
        | Action::HostRead => Allowed::Admins,
    }
}

/// Returns whether an operation is for people who signed in, and for no API token: it changes an account or what an
/// account is reached with. What was stolen with a token ends with the token.
fn needs_sign_in(action: Action) -> bool {
    matches!(
        action,
        Action::TokenCreate
            | Action::SessionConfirm
            | Action::SecondFactorChange
            | Action::SecondFactorRemove
            | Action::LinkCreate
            | Action::LinkDelete
            | Action::UserCreate
            | Action::UserUpdate
            | Action::UserDelete
            | Action::PasswordChange
    )
}

/// Whether an operation asks for a second factor that was given lately, from an account that has one: it gives rights
/// away, or ends what protects the account.
pub(crate) fn needs_second_factor(action: Action) -> bool {
    matches!(
        action,
        Action::TokenCreate
            | Action::SecondFactorRemove
            | Action::LinkCreate
            | Action::LinkDelete
            | Action::UserCreate
            | Action::UserUpdate
            | Action::UserDelete
            | Action::PasswordChange
            | Action::RequestApprove
            | Action::VmLogin
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{TokenName, UserId, UserName};

    fn actor(id: i64, role: Role) -> Actor {
        Actor::User {
            id: UserId(id),
            name: UserName::new("someone").expect("a name"),
            role,
            token: None,
            unconfirmed: false,
        }
    }

    #[test]
    fn nobody_can_do_anything_but_log_in() {
        let allowed: Vec<_> = Action::ALL
            .iter()
            .filter(|action| RolePolicy.allows(&Actor::Anonymous, **action, &Target::none()))
            .collect();
        assert_eq!(allowed, [&Action::Login]);
    }

    #[test]
    fn an_admin_and_vmm_itself_can_do_everything() {
        let own = [Action::SessionConfirm, Action::SecondFactorChange];
        for actor in [actor(1, Role::Admin), Actor::System] {
            let others = Action::ALL.iter().filter(|action| !own.contains(action));
            assert!(others.into_iter().all(|action| RolePolicy.allows(&actor, *action, &Target::of(UserId(2), "x"))));
            assert!(own.iter().all(|action| RolePolicy.allows(&actor, *action, &Target::of(UserId(1), "x"))));
        }
    }

    #[test]
    fn a_token_changes_no_account_and_nothing_that_an_account_is_reached_with() {
        let own = [
            Action::SessionConfirm,
            Action::SecondFactorChange,
            Action::SecondFactorRemove,
            Action::TokenCreate,
            Action::LinkCreate,
            Action::LinkDelete,
        ];
        for role in [Role::User, Role::Admin] {
            let Actor::User { id, name, role, .. } = actor(1, role) else { unreachable!("it is an account") };
            let token = Some(TokenName::new("ci").expect("a name"));
            let (itself, token) = (actor(1, role), Actor::User { id, name, role, token, unconfirmed: false });
            let target = Target::of(id, "own");
            let missing: Vec<_> = Action::ALL
                .iter()
                .filter(|a| RolePolicy.allows(&itself, **a, &target) && !RolePolicy.allows(&token, **a, &target))
                .collect();
            let mut expected = own.to_vec();
            if role == Role::Admin {
                expected.extend([Action::UserCreate, Action::UserUpdate, Action::UserDelete]);
            }
            expected.push(Action::PasswordChange);
            assert_eq!(missing, expected.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_user_rules_only_over_what_is_the_users_own() {
        let may = |target: &Target| -> Vec<Action> {
            Action::ALL.iter().copied().filter(|a| RolePolicy.allows(&actor(1, Role::User), *a, target)).collect()
        };
        let always = [
            Action::Login,
            Action::OsRead,
            Action::VmRead,
            Action::VmMonitor,
            Action::DiskRead,
            Action::VmSsh,
            Action::VmTransfer,
            Action::ScriptCreate,
            Action::ScriptRead,
            Action::ScriptRun,
            Action::RunRead,
            Action::ScheduleRead,
        ];
        assert_eq!(may(&Target::of(UserId(2), "another's")), always);
        assert_eq!(may(&Target::none()), always);
        let own = may(&Target::of(UserId(1), "own"));
        assert_eq!(own.len(), always.len() + 34);
        assert!(own.contains(&Action::DiskGrow) && !own.contains(&Action::DiskDelete));
        assert!(!own.contains(&Action::VmDelete) && !own.contains(&Action::RequestApprove));
    }
}
