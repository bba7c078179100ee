//! The promises of a [`Repository`]. [`repository_contract!`](crate::repository_contract) makes a test of each promise.

use std::future::Future;
use std::sync::Arc;

use chrono::{Duration, Utc};
use vmm_core::model::{
    AuditFilter, Job, JobId, JobState, NewSession, Plan, PlanHash, Request, RequestState, Subject, TokenHash, UserId,
    Vm, VmFilter,
};
use vmm_core::repository::{Repository, Submitted};
use vmm_core::{Budget, Error, Over, Result};

use crate::sample::{self, Desk};

pub mod audit;
pub mod bot_group;
pub mod definition;
pub mod disk;
pub mod file;
pub mod history;
pub mod idempotency;
pub mod job;
pub mod key;
pub mod link;
pub mod os;
pub mod request;
pub mod run;
pub mod schedule;
pub mod script;
pub mod second_factor;
pub mod session;
pub mod token;
pub mod user;
pub mod vm;

/// Makes a test of every promise of a repository.
///
/// Takes an async function that gives a fresh, empty `Arc<dyn Repository>`. The calling crate needs tokio with its
/// macros and its multi-threaded runtime.
#[macro_export]
macro_rules! repository_contract {
    ($factory:path) => {
        $crate::repository_contract!(@resources $factory,
            user {
                an_account_reads_as_it_was_made, a_name_has_no_case, a_chat_has_one_account,
                accounts_are_listed_in_order_of_name, accounts_are_listed_by_what_they_are,
                a_new_password_ends_the_logins, a_change_leaves_the_rest,
                what_another_account_has_is_not_given, what_is_not_the_same_account_any_more_logs_in_again,
                a_deleted_account_is_gone,                an_account_that_is_named_stays, the_last_admin_stays, an_unknown_account_is_not_found, of_an_account_the_revision_is_compared,
            }
            session {
                a_token_is_good_until_it_expires, an_ended_login_is_gone, a_login_needs_an_account,
                a_login_forgets_the_expired_ones, the_logins_of_an_account_are_listed, a_login_of_a_disabled_account_is_void,
            }
            token {
                a_token_stands_for_its_account_until_it_expires, a_token_of_a_disabled_account_is_of_no_use,
                an_account_gives_a_name_once, a_new_token_forgets_the_expired_ones, a_hundred_tokens_are_enough,
                the_use_of_a_token_is_recorded, a_deleted_token_is_gone,
                revoked_access_is_gone_and_nobody_else_s, what_is_left_of_an_account_s_access_is_told_and_can_end,
            }
            link {
                a_code_binds_a_chat_once, a_new_code_takes_the_place_of_the_old,
                a_code_ends_with_its_time_and_its_account, a_taken_chat_is_not_bound_again,
            }
            second_factor {
                a_second_factor_counts_once_it_is_confirmed, what_shows_a_second_factor_counts_once,
                a_removed_second_factor_is_gone, a_login_keeps_when_the_second_factor_was_given,
            }
            bot_group {
                a_group_is_allowed_for_one_bot, a_hundred_groups_are_enough,
            }
            os {
                a_cloud_image_is_imported, an_image_is_imported_again, a_removed_image_is_known_until_it_is_forgotten,
                an_image_reads_as_it_was_recorded, a_name_and_version_is_taken_once,
                entries_are_found_by_name_and_version, an_entry_that_is_being_imported_stays,
                an_entry_that_a_machine_needs_stays, a_changed_entry_leaves_the_rest,
                of_an_entry_the_revision_is_compared,
            }
            vm {
                a_machine_reads_as_it_was_planned, machines_are_listed_by_what_they_are, machines_are_listed_as_they_are_seen,
                every_state_is_recorded_with_its_reason,
                what_is_seen_is_recorded, since_when_it_is_on_is_recorded, a_machine_is_on_since_it_was_first_started,
                what_was_fixed_is_left_alone, a_removal_is_enqueued_once, a_removal_that_failed_can_be_repeated,
                a_machine_that_was_never_made_is_not_removed, one_removal_wins, a_machine_is_adopted_and_let_go,
                what_is_taken_is_not_adopted, a_changed_record_leaves_the_rest,
                of_a_machine_the_revision_is_compared,
            }
            definition { a_definition_is_kept_with_its_machine, an_accepted_definition_goes_into_the_record, }
            file {
                a_file_reads_as_it_was_recorded, a_file_of_the_same_name_is_replaced, a_quota_holds,
                a_user_has_so_many_files_at_most,
                files_are_listed_in_order_of_name, a_removed_file_is_gone, files_go_with_their_user,
            }
            disk { the_system_disk_comes_first, a_path_is_recorded_and_forgotten, disks_go_with_their_machine,
                disks_are_listed_page_by_page, a_disk_is_added, a_disk_grows, a_data_disk_is_removed,
                one_job_works_on_a_machine, the_disks_of_an_adopted_machine_are_left_alone,
            }
            history {
                samples_read_as_they_were_recorded, so_many_looks_are_kept, old_looks_are_forgotten,
                looks_of_another_clock_are_forgotten, samples_go_with_their_machine,
            }
            request {
                a_request_reads_as_it_was_submitted, the_same_submission_again_makes_nothing, an_id_names_one_request,
                a_requester_has_so_many_open_requests_at_most,
                what_is_taken_is_named, a_request_needs_its_person_and_its_catalog, requests_are_listed_newest_first,
                an_approval_names_the_plan, one_of_64_approvers_wins, approval_or_rejection_wins,
                a_closed_request_is_over, only_a_pending_request_is_closed, a_changed_plan_returns_for_approval,
                an_unchanged_plan_returns_for_approval,
                a_start_enqueues_once, a_failed_request_frees_its_names,
            }
            job {
                one_owner_holds_the_lease, one_of_32_gets_the_lease, a_log_reads_as_it_was_written,
                a_job_that_is_over_stays_as_it_is, what_is_not_there_is_not_found, a_cancellation_is_a_wish,
                jobs_are_listed_in_order, jobs_are_listed_by_what_they_are, the_last_machine_makes_the_request_done,
                one_machine_that_fails_fails_the_request, a_stuck_job_keeps_the_rows,
                a_start_that_fails_fails_the_request, a_returned_request_begins_anew,
                a_stuck_job_goes_on_the_way_it_went, a_machine_made_after_all_lets_its_request_run_again,
                what_cannot_be_tried_again_is_refused, a_closed_job_leaves_what_the_host_says,
                a_closed_disk_job_leaves_what_the_host_says, one_of_16_tries_a_stuck_job_again,
            }
            idempotency {
                a_repeat_gets_the_first_answer, a_key_stands_for_one_call, an_answer_can_be_withheld,
                a_released_key_is_free, a_claim_lapses_unless_it_is_held, an_answer_is_forgotten_in_time,
                an_account_keeps_so_much_and_no_more, one_of_64_repeats_is_the_first, a_key_needs_its_account,
            }
            key { a_secret_is_kept_once, all_that_is_sealed_is_replaced, what_changed_meanwhile_is_not_replaced, }
            script {
                a_script_reads_as_it_was_registered, a_script_name_is_taken_once, scripts_are_listed_in_order_of_name,
                a_change_leaves_the_rest, a_change_of_what_runs_makes_a_version, an_earlier_version_comes_back,
                the_oldest_versions_are_forgotten, a_text_stays_while_a_script_has_it, a_deleted_script_is_gone, an_owner_stays,
                a_person_has_so_many_scripts_and_bytes_at_most, a_script_with_runs_can_be_kept,
            }
            run {
                a_run_reads_as_it_was_recorded, a_machine_of_a_run_begins_once,
                a_run_that_nobody_keeps_alive_is_interrupted, an_ended_run_is_not_interrupted,
                a_cancelled_run_begins_nothing_more, runs_are_listed_newest_first, a_run_outlives_its_script,
                the_oldest_runs_are_forgotten,
            }
            schedule {
                a_schedule_reads_as_it_was_made, what_is_due_is_found, a_moment_fires_once, what_is_disabled_does_not_fire,
                what_was_missed_is_kept, schedules_go_with_their_script_and_their_maker,
            }
            audit {
                a_row_reads_as_it_was_recorded, rows_are_listed_newest_first, the_chain_of_untouched_rows_fits,
                the_head_is_the_newest_row,
            }
        );
    };
    (@resources $factory:path, $($resource:ident { $($promise:ident,)+ })+) => {
        $($crate::repository_contract!(@promises $factory, $resource, $($promise)+);)+
    };
    (@promises $factory:path, $resource:ident, $($promise:ident)+) => {
        mod $resource {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    $crate::contract::repository::$resource::$promise($factory().await).await;
                }
            )+
        }
    };
}

/// Runs `operation`, which must write exactly so many audit rows.
pub(in crate::contract) async fn audited<T>(
    repository: &Arc<dyn Repository>,
    rows: usize,
    operation: impl Future<Output = T>,
) -> T {
    let count = async || repository.audit().list(&AuditFilter::default()).await.expect("an answer").len();
    let before = count().await;
    let value = operation.await;
    assert_eq!(count().await - before, rows, "audit rows");
    value
}

/// Runs `operation`, which must change nothing and so write no audit row.
pub(in crate::contract) async fn unaudited<T>(
    repository: &Arc<dyn Repository>,
    operation: impl Future<Output = T>,
) -> T {
    audited(repository, 0, operation).await
}

/// The call must be refused as a conflict whose reason has these words.
#[track_caller]
pub(in crate::contract) fn assert_conflict<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    match result {
        Err(Error::Conflict { reason, .. }) if words.iter().all(|word| reason.contains(word)) => {}
        other => panic!("expected a conflict that says {words:?}, got {other:?}"),
    }
}

/// The call must be refused because the record is another one than was read.
#[track_caller]
fn assert_stale<T: std::fmt::Debug>(result: Result<T>) {
    match result {
        Err(Error::Stale { .. }) => {}
        other => panic!("expected stale, got {other:?}"),
    }
}

/// The call must be refused because there is no such thing.
#[track_caller]
pub(in crate::contract) fn assert_not_found<T: std::fmt::Debug>(result: Result<T>) {
    match result {
        Err(Error::NotFound { .. }) => {}
        other => panic!("expected not found, got {other:?}"),
    }
}

/// The call must be refused because an account's share of this budget is used up.
#[track_caller]
fn assert_over<T: std::fmt::Debug>(result: Result<T>, wanted: Budget) {
    match result {
        Err(Error::OverBudget { budget, over: Over::Share, .. }) if budget == wanted => {}
        other => panic!("expected to be over {wanted}, got {other:?}"),
    }
}

/// Starts so many racers at once and counts the winners; the others must lose by a conflict.
pub(in crate::contract) async fn race<F: Future<Output = Result<()>> + Send + 'static>(
    repository: &Arc<dyn Repository>,
    racers: usize,
    run: impl Fn(Arc<dyn Repository>, usize) -> F,
) -> usize {
    let start = Arc::new(tokio::sync::Barrier::new(racers));
    let racers: Vec<_> = (0..racers)
        .map(|index| {
            let (start, racer) = (Arc::clone(&start), run(Arc::clone(repository), index));
            tokio::spawn(async move {
                start.wait().await;
                racer.await
            })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        match racer.await.expect("no panic") {
            Ok(()) => won += 1,
            Err(error) => assert!(matches!(error, Error::Conflict { .. }), "{error:?}"),
        }
    }
    won
}

async fn login(repository: &Arc<dyn Repository>, user: UserId, token: u8) -> TokenHash {
    let token = TokenHash([token; 32]);
    let new = NewSession { user, token, expires_at: Utc::now() + Duration::hours(1), second_factor_at: None };
    repository.sessions().create(new, sample::audit("login")).await.expect("the account is there");
    token
}

/// Submits a plan in the user's name.
async fn submit(repository: &Arc<dyn Repository>, desk: &Desk, id: &str, plan: Plan) -> Request {
    let new = sample::request(id, desk.user.id, plan);
    match repository.requests().submit(new, sample::no_limits(), sample::audit("request.submit")).await {
        Ok(Submitted::Created(request)) => request,
        other => panic!("expected a new request, got {other:?}"),
    }
}

pub(in crate::contract) async fn pending(
    repository: &Arc<dyn Repository>,
    desk: &Desk,
    id: &str,
    names: &[&str],
) -> Request {
    submit(repository, desk, id, sample::plan(&desk.os, names)).await
}

pub(in crate::contract) async fn approved(
    repository: &Arc<dyn Repository>,
    desk: &Desk,
    id: &str,
    names: &[&str],
) -> Request {
    let hash = pending(repository, desk, id, names).await.plan_hash;
    approve(repository, desk, id, hash).await.expect("it is pending")
}

pub(in crate::contract) async fn approve(
    repository: &Arc<dyn Repository>,
    desk: &Desk,
    id: &str,
    plan: PlanHash,
) -> Result<Request> {
    let id = sample::request_id(id);
    repository.requests().approve(&id, plan, desk.admin.id, sample::start(), sample::audit("request.approve")).await
}

pub(in crate::contract) async fn close(
    repository: &Arc<dyn Repository>,
    desk: &Desk,
    id: &str,
    to: RequestState,
) -> Result<Request> {
    let id = sample::request_id(id);
    repository.requests().close(&id, to, desk.admin.id, Some("not now"), sample::audit("request.close")).await
}

pub(in crate::contract) async fn cancel(repository: &Arc<dyn Repository>, desk: &Desk, id: &str) -> Request {
    close(repository, desk, id, RequestState::Cancelled).await.expect("it is pending")
}

/// Starts an approved request as its start job does; gives the jobs of its machines.
pub(in crate::contract) async fn running(repository: &Arc<dyn Repository>, id: &str) -> Vec<JobId> {
    let id = sample::request_id(id);
    repository.requests().start(&id, sample::making()).await.expect("it is approved");
    let (mut starts, mut creates) = (Vec::new(), Vec::new());
    for job in repository.jobs().open().await.expect("an answer") {
        match job.subject {
            Subject::Request(request) if request == id => starts.push(job.id),
            Subject::Vm(_) if job.request.as_ref() == Some(&id) => creates.push(job.id),
            _ => {}
        }
    }
    for start in starts {
        repository.jobs().finish(start, JobState::Done, None).await.expect("it is open");
    }
    creates
}

/// A machine that is on.
async fn made(repository: &Arc<dyn Repository>, desk: &Desk, id: &str, name: &str) -> Vm {
    approved(repository, desk, id, &[name]).await;
    for job in running(repository, id).await {
        repository.jobs().finish(job, JobState::Done, None).await.expect("it is open");
    }
    vm(repository, name).await
}

async fn vm(repository: &Arc<dyn Repository>, name: &str) -> Vm {
    repository.vms().by_name(&sample::vm_name(name)).await.expect("an answer").expect("the machine is there")
}

async fn vm_names(repository: &Arc<dyn Repository>, filter: &VmFilter) -> Vec<String> {
    repository.vms().list(filter).await.expect("an answer").iter().map(|vm| vm.name.to_string()).collect()
}

async fn request(repository: &Arc<dyn Repository>, id: &str) -> Request {
    repository.requests().by_id(&sample::request_id(id)).await.expect("an answer").expect("the request is there")
}

async fn job(repository: &Arc<dyn Repository>, id: JobId) -> Job {
    repository.jobs().by_id(id).await.expect("an answer").expect("the job is there")
}
