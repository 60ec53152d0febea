//! Each rule taken away in turn: the check must find what it was there for. A rule that nothing would miss is none.

use std::collections::BTreeSet;

use expand_contract::phase::rules::Standing::{
    Contracted, Expanded, NewLeft, OldIncomplete, Original, Retired, Switched,
};
use expand_contract::phase::rules::{Condition, Ddl, Rule, Rules};
use expand_contract::phase::Side;
use stateright::{Checker, HasDiscoveries, Model};

use crate::check::{FLEET, NEW_ONLY, OLD_ONLY, POSTGRES, RUST, SQLITE, TRANSACTIONS};
use crate::database::Setting;
use crate::system::{Cast, System, FAILED, LOST, STALE};

/// Without the rule `property` does not hold for this cast and setting. (With it it does: `check.rs` looks at larger casts,
/// whose behaviour includes that of these.)
#[track_caller]
fn falls(rule: Rule, cast: Cast, setting: Setting, property: &'static str) {
    let system = System {
        cast,
        setting,
        rules: Rules::without(rule),
    };
    let checker = system
        .checker()
        .finish_when(HasDiscoveries::AnyOf([property].into()))
        .spawn_bfs()
        .join();
    let counterexample = checker.discovery(property);
    assert!(counterexample.is_some(), "nobody misses {rule:?}");
}

macro_rules! mutations {
    ($($name:ident: $rule:expr, $cast:expr, $setting:expr => $property:expr;)*) => {
        $(
            #[test]
            fn $name() {
                falls($rule, $cast, $setting, $property);
            }
        )*

        #[test]
        fn every_rule_is_taken_away_once() {
            let taken = [$($rule),*];
            let all = Rule::all();
            assert_eq!(taken.len(), all.len());
            let set = |rules: &[Rule]| rules.iter().copied().collect::<BTreeSet<_>>();
            assert_eq!(set(&taken), set(&all));
        }
    };
}

mutations! {
    // expand
    without_the_new_column_expanded_statements_fail:
        Rule::Done(Original, Expanded, Ddl::AddNew), FLEET, POSTGRES => FAILED;
    without_the_safety_net_a_writer_that_knows_nothing_is_lost:
        Rule::Done(Original, Expanded, Ddl::Net), OLD_ONLY, POSTGRES => LOST;

    // switch
    a_switch_before_the_barrier_fails_instances_that_write_only_old:
        Rule::Needs(Expanded, Switched, Condition::Settled), FLEET, RUST => FAILED;
    a_switch_without_comparison_reads_what_was_never_copied:
        Rule::Needs(Expanded, Switched, Condition::Verified), FLEET, POSTGRES => STALE;
    a_switch_under_an_old_snapshot_reads_rows_from_before_the_copy:
        Rule::Needs(Expanded, Switched, Condition::SnapshotsGone), TRANSACTIONS, POSTGRES => STALE;
    a_switch_with_a_queued_key_reads_what_was_not_converted:
        Rule::Needs(Expanded, Switched, Condition::QueueEmpty), FLEET, RUST => STALE;
    a_switch_beside_old_only_writers_fails_them_where_only_rust_converts:
        Rule::Needs(Expanded, Switched, Condition::OldOnlyQuiet), OLD_ONLY, RUST => FAILED;
    a_switch_that_goes_on_queueing_reads_what_is_not_converted_yet:
        Rule::Done(Expanded, Switched, Ddl::Net), FLEET, RUST => STALE;

    // retire
    retiring_before_the_barrier_leaves_readers_of_old_behind:
        Rule::Needs(Switched, Retired, Condition::Settled), FLEET, POSTGRES => STALE;
    retiring_beside_the_previous_release_leaves_it_behind:
        Rule::Needs(Switched, Retired, Condition::OldOnlyQuiet), OLD_ONLY, POSTGRES => STALE;
    retiring_without_a_unique_index_on_new_fails_upserts:
        Rule::Done(Switched, Retired, Ddl::UniqueNew), FLEET, POSTGRES => FAILED;
    a_second_unique_index_before_retiring_fails_upserts:
        Rule::NotBefore(Switched, Retired, Ddl::UniqueNew), FLEET, POSTGRES => FAILED;
    new_required_before_retiring_fails_old_only_inserts:
        Rule::NotBefore(Switched, Retired, Ddl::RequireNew), OLD_ONLY, SQLITE => FAILED;
    retiring_with_old_required_fails_new_only_inserts:
        Rule::Done(Switched, Retired, Ddl::FreeOld), FLEET, POSTGRES => FAILED;
    retiring_with_the_net_of_switched_refuses_our_own_writes:
        Rule::Done(Switched, Retired, Ddl::Net), FLEET, RUST => FAILED;
    dropping_the_arbiter_before_the_barrier_fails_upserts:
        Rule::NotBefore(Switched, Retired, Ddl::DropUniqueOld), FLEET, POSTGRES => FAILED;

    // contract
    contracting_before_the_barrier_fails_instances_that_name_old:
        Rule::Needs(Retired, Contracted, Condition::Settled), FLEET, POSTGRES => FAILED;
    contracting_beside_an_old_only_writer_fails_it:
        Rule::Needs(Retired, Contracted, Condition::OldOnlyQuiet), OLD_ONLY, POSTGRES => FAILED;
    triggers_that_outlive_old_fail_every_write:
        Rule::Done(Retired, Contracted, Ddl::DropNet), FLEET, POSTGRES => FAILED;
    dropping_the_net_before_contract_loses_late_writes:
        Rule::NotBefore(Retired, Contracted, Ddl::DropNet), FLEET, POSTGRES => LOST;
    dropping_old_before_contract_fails_instances_that_name_it:
        Rule::NotBefore(Retired, Contracted, Ddl::DropOld), FLEET, POSTGRES => FAILED;

    // rollback from Expanded
    rolling_back_to_the_start_before_the_barrier_fails_instances_that_write_only_old:
        Rule::Needs(Expanded, NewLeft, Condition::Settled), FLEET, RUST => FAILED;
    dropping_new_before_the_barrier_fails_instances_that_name_it:
        Rule::Needs(NewLeft, Original, Condition::Settled), FLEET, POSTGRES => FAILED;
    dropping_new_beside_a_new_only_writer_fails_it:
        Rule::Needs(NewLeft, Original, Condition::NewOnlyQuiet), NEW_ONLY, POSTGRES => FAILED;
    triggers_that_outlive_new_fail_every_write:
        Rule::Done(NewLeft, Original, Ddl::DropNet), FLEET, POSTGRES => FAILED;
    dropping_the_net_before_new_loses_late_writes:
        Rule::NotBefore(NewLeft, Original, Ddl::DropNet), NEW_ONLY, POSTGRES => LOST;
    dropping_new_before_it_is_out_of_use_fails_instances_that_name_it:
        Rule::NotBefore(NewLeft, Original, Ddl::DropNew), FLEET, POSTGRES => FAILED;

    // rollback from Switched
    a_net_that_refuses_after_a_rollback_from_switched_fails_the_start_again:
        Rule::Done(Switched, Expanded, Ddl::Net), FLEET, RUST => FAILED;
    a_net_that_queues_before_readers_of_new_are_gone_shows_them_what_is_not_converted:
        Rule::NotBefore(Switched, Expanded, Ddl::Net), FLEET, RUST => STALE;

    // rollback from Retired
    rolling_back_beside_a_new_only_writer_fails_it:
        Rule::Needs(Retired, OldIncomplete, Condition::NewOnlyQuiet), NEW_ONLY, RUST => FAILED;
    rolling_back_with_the_net_of_retired_loses_late_writes:
        Rule::Done(Retired, OldIncomplete, Ddl::Net), FLEET, POSTGRES => LOST;
    completing_old_before_the_barrier_fails_instances_that_write_only_new:
        Rule::Needs(OldIncomplete, Switched, Condition::Settled), FLEET, SQLITE => FAILED;
    going_on_before_old_is_copied_back_loses_writes:
        Rule::Needs(OldIncomplete, Switched, Condition::CopiedBack), FLEET, POSTGRES => LOST;
    going_back_under_an_old_snapshot_reads_rows_from_before_the_copy_back:
        Rule::Needs(OldIncomplete, Switched, Condition::SnapshotsGone), TRANSACTIONS, POSTGRES => STALE;
    going_back_with_a_queued_key_loses_its_write:
        Rule::Needs(OldIncomplete, Switched, Condition::QueueEmpty), FLEET, RUST => LOST;
    going_back_without_a_unique_index_on_old_fails_upserts:
        Rule::Done(OldIncomplete, Switched, Ddl::UniqueOld), FLEET, POSTGRES => FAILED;
    a_unique_index_on_an_incomplete_column_refuses_values_that_are_free:
        Rule::NotBefore(OldIncomplete, Switched, Ddl::UniqueOld), FLEET, POSTGRES => FAILED;
    old_required_before_the_barrier_fails_new_only_inserts:
        Rule::NotBefore(OldIncomplete, Switched, Ddl::RequireOld), FLEET, SQLITE => FAILED;
    going_back_with_new_required_fails_old_only_inserts:
        Rule::Done(OldIncomplete, Switched, Ddl::FreeNew), TRANSACTIONS, SQLITE => FAILED;
    going_back_with_a_net_that_queues_loses_late_writes:
        Rule::Done(OldIncomplete, Switched, Ddl::Net), OLD_ONLY, RUST => LOST;

    // the net
    expanded_without_the_net_from_old_to_new_loses_writes:
        Rule::Net(Expanded, Side::Old), OLD_ONLY, POSTGRES => LOST;
    expanded_without_the_net_from_new_to_old_loses_writes:
        Rule::Net(Expanded, Side::New), NEW_ONLY, POSTGRES => LOST;
    switched_without_the_net_from_old_to_new_reads_stale:
        Rule::Net(Switched, Side::Old), FLEET, RUST => STALE;
    switched_without_the_net_from_new_to_old_loses_writes:
        Rule::Net(Switched, Side::New), FLEET, RUST => LOST;
    an_incomplete_old_without_the_net_from_old_to_new_loses_writes:
        Rule::Net(OldIncomplete, Side::Old), FLEET, POSTGRES => LOST;
    an_incomplete_old_without_the_net_from_new_to_old_loses_writes:
        Rule::Net(OldIncomplete, Side::New), FLEET, POSTGRES => LOST;
    retired_without_the_net_from_old_to_new_loses_writes:
        Rule::Net(Retired, Side::Old), OLD_ONLY, POSTGRES => LOST;

    // instances, transactions, runners
    a_barrier_that_waits_for_nobody_fails_instances:
        Rule::AwaitInstances, FLEET, POSTGRES => FAILED;
    a_barrier_that_forgets_open_transactions_lets_them_read_stale:
        Rule::AwaitTransactions, TRANSACTIONS, POSTGRES => STALE;
    reading_the_phase_before_registering_slips_past_the_barrier:
        Rule::RegisterFirst, FLEET, POSTGRES => FAILED;
    building_statements_past_the_deadline_fails:
        Rule::Deadline, FLEET, POSTGRES => FAILED;
    using_a_result_that_came_late_reads_stale:
        Rule::ResultInTime, FLEET, POSTGRES => STALE;
    a_pinned_transaction_without_the_gate_reads_stale:
        Rule::GateHeld, TRANSACTIONS, POSTGRES => STALE;
    a_converted_value_written_blindly_reads_stale:
        Rule::CompareAndSwap, FLEET, RUST => STALE;
    a_runner_that_has_lost_its_lease_fails_statements:
        Rule::Fence, FLEET, POSTGRES => FAILED;
}
