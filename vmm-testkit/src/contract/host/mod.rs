//! The promises of every [`Hypervisor`](vmm_core::host::Hypervisor).
//!
//! A backend gives a factory of [`Subject`]s to [`hypervisor_contract!`](crate::hypervisor_contract) and gets a test
//! for each promise. Parts that the host says it cannot do must be refused as unsupported.

mod adoption;
mod console;
mod definition;
mod domain;
mod domain_state;
mod inventory;
mod network;
mod subject;
mod volume;

pub use self::adoption::*;
pub use self::console::*;
pub use self::definition::*;
pub use self::domain::*;
pub use self::domain_state::*;
pub use self::inventory::*;
pub use self::network::*;
pub use self::subject::{Outside, Subject, hold};
pub use self::volume::*;

/// Makes a test of each promise. The factory is an `async fn(&str) -> Option<Subject>`; it gets the promise's name,
/// and answers `None` when it has said why the test cannot run.
#[macro_export]
macro_rules! hypervisor_contract {
    ($factory:path) => {
        $crate::hypervisor_contract! { @ $factory:
            a_host_says_what_it_is_and_has
            a_pool_keeps_its_name
            a_reserved_address_is_taken
            a_new_desk_has_nothing
            defining_is_safe_to_repeat_and_starts_nothing
            a_taken_name_is_a_conflict
            a_taken_id_is_a_conflict
            a_domain_that_is_there_is_never_described_anew
            a_domain_needs_its_volumes
            a_definition_says_what_a_domain_is
            a_definition_stays_the_same_until_somebody_changes_it
            a_disk_is_attached_and_detached_and_nothing_else_changes
            a_disk_of_a_definition_that_was_changed_is_left_alone
            disks_are_changed_on_stopped_domains_of_the_desk_alone
            a_volume_that_a_disk_stands_on_is_neither_attached_nor_detached
            starting_and_stopping_are_safe_to_repeat
            calls_that_do_not_fit_the_state_are_conflicts
            what_is_missing_is_not_found_and_removing_it_is_fine
            domains_are_listed_in_order_of_name
            many_may_do_the_same_at_once
            the_domains_of_another_desk_are_foreign
            a_foreign_domain_is_adopted_and_released
            an_adopted_domain_keeps_its_definition
            what_is_a_desks_is_not_adopted
            a_domain_that_lost_its_tag_is_one_of_the_desk_again
            figures_are_those_of_a_running_domain
            a_run_has_a_number_of_its_own
            a_paused_domain_is_told_with_its_reason_and_resumed
            a_saved_domain_goes_on_where_it_was_saved
            a_saved_state_is_discarded
            a_saved_domain_is_not_described_anew
            a_saved_domain_is_removed_with_its_state
            what_does_not_fit_a_pause_or_a_saved_state_is_a_conflict
            a_stopped_domain_has_no_address
            leases_are_told_of_all_machines_at_once
            a_console_is_empty_until_the_domain_starts
            creating_a_volume_is_safe_to_repeat
            a_volume_of_another_description_is_a_conflict
            an_overlay_is_at_least_as_large_as_what_it_stands_on
            a_volume_grows_and_never_shrinks
            deleting_a_volume_is_safe_to_repeat
            what_stands_below_another_volume_is_not_deleted
            what_a_domain_of_any_owner_uses_is_not_deleted
            volumes_are_inspected_as_they_are
            the_checksum_of_a_volume_is_that_of_its_file
            volumes_are_listed_in_order_of_name
            importing_is_safe_to_repeat
            what_is_stored_of_an_image_is_what_was_inspected
            writing_replaces
            reserving_and_releasing_are_safe_to_repeat
            a_reservation_that_clashes_is_a_conflict
            an_address_outside_the_network_is_refused
        }
    };
    (@ $factory:path: $($promise:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                use $crate::contract::host as contract;
                let subject = $factory(stringify!($promise)).await;
                contract::hold(subject, |subject| async move { contract::$promise(&subject).await }).await;
            }
        )+
    };
}
