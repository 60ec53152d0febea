//! A run that is stopped between two actions.

use std::ops::ControlFlow;

use diesel::PgConnection;
use expand_contract::phase::Step;
use expand_contract::{Error, MigrateOn, Moment, Options};

/// Runs a migration up to `last` with these options, and stops behind the `stop`th action of that step; `false`: it has no
/// more.
///
/// # Panics
///
/// When it ends with an error.
pub fn stop_at<M: MigrateOn<PgConnection>>(
    conn: &mut PgConnection,
    options: Options,
    last: Step,
    stop: usize,
) -> bool {
    let mut seen = 0;
    let options = options.on_action(move |event| {
        if event.step == last && event.moment == Moment::After {
            seen += 1;
            if seen > stop {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    });
    match M::migration().options(options).advance_to(conn, last) {
        Ok(_) => false,
        Err(Error::Stopped { .. }) => true,
        Err(other) => panic!("{last}: {other}"),
    }
}
