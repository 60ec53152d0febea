//! How a runner gets the row of its table.

use std::time::{Duration, Instant};

use super::{table, Lease};
use crate::backend::driver::Driver;
use crate::backend::rules::rules;
use crate::backend::session::{transaction, Session, BIND};
use crate::catalogue::Table;
use crate::error::{Error, While};

struct Seen {
    holder: String,
    token: i64,
    renewals: i64,
    held: bool,
}

fn look(s: &mut dyn Session, name: &str) -> Result<Option<Seen>, Error> {
    let sql = format!(
        "SELECT holder, CAST(token AS text), CAST(renewals AS text), CAST(held AS text) FROM {} \
         WHERE table_name = {BIND}",
        table(s.dialect(), "runners")
    );
    let rows = s
        .rows(&sql, &[Some(name.to_owned())])
        .during("reading the runner's lease")?;
    let Some(row) = rows.into_iter().next() else {
        return Ok(None);
    };
    let text = |i: usize| row.get(i).cloned().flatten().unwrap_or_default();
    let number = |i: usize| {
        text(i).parse::<i64>().map_err(|_| Error::Unexpected {
            what: "the runner's lease".to_owned(),
        })
    };
    Ok(Some(Seen {
        holder: text(0),
        token: number(1)?,
        renewals: number(2)?,
        held: number(3)? != 0,
    }))
}

impl Lease {
    /// Takes the table, from a runner that stands still for `patience` if need be.
    ///
    /// Whether it stands still is judged by its counter and this process's own clock: no clocks are compared.
    pub(crate) fn acquire(
        s: &mut dyn Session,
        driver: &dyn Driver,
        of: &Table,
        holder: &str,
        patience: Duration,
    ) -> Result<Self, Error> {
        let name = &of.name.to_string();
        let runners = table(s.dialect(), "runners");
        let free = rules(s.dialect())?.lock_free_rows();
        let active = |seen: &Seen| {
            Err(Error::RunnerActive {
                table: name.clone(),
                holder: seen.holder.clone(),
            })
        };
        let mut watched: Option<(i64, i64, Instant)> = None;
        let mut tries = 0;
        loop {
            let seen = look(s, name)?;
            let condition = match &seen {
                None => None,
                Some(seen) if !seen.held => Some(seen),
                Some(seen) => {
                    let since = match watched {
                        Some((token, renewals, since)) => {
                            if (token, renewals) != (seen.token, seen.renewals) {
                                return active(seen);
                            }
                            since
                        }
                        None => Instant::now(),
                    };
                    watched = Some((seen.token, seen.renewals, since));
                    if since.elapsed() < patience {
                        std::thread::sleep((patience / 10).min(Duration::from_millis(500)));
                        continue;
                    }
                    if driver.is_building(s, of)? {
                        return active(seen);
                    }
                    Some(seen)
                }
            };
            let names = [Some(holder.to_owned()), Some(name.to_owned())];
            let sql = match condition {
                None => format!(
                    "INSERT INTO {runners} (holder, table_name, token, renewals, held) \
                     SELECT {BIND}, {BIND}, 1, 0, 1 WHERE true ON CONFLICT (table_name) DO NOTHING"
                ),
                // one that is in the middle of an action has its row, and is not waited for
                Some(seen) => format!(
                    "UPDATE {runners} SET holder = {BIND}, token = token + 1, renewals = 0, held = 1 \
                     WHERE table_name IN (SELECT table_name FROM {runners} WHERE table_name = {BIND} \
                     AND token = {} AND renewals = {} AND held = {}{free})",
                    seen.token,
                    seen.renewals,
                    i32::from(seen.held)
                ),
            };
            let taken = transaction(s, |s| {
                s.execute(&sql, &names).during("taking the runner's lease")
            });
            let taken = match taken {
                // someone else writes at this moment
                Err(error) if driver.is_busy(&error) && tries < 50 => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                result => result?,
            };
            if taken == 1 {
                return Ok(Lease {
                    table: name.to_owned(),
                    holder: holder.to_owned(),
                    token: condition.map_or(1, |seen| seen.token + 1),
                });
            }
            if let Some(seen) = condition.filter(|seen| seen.held) {
                let now = look(s, name)?;
                if now.is_some_and(|now| (now.token, now.renewals) == (seen.token, seen.renewals)) {
                    return active(seen);
                }
            } else {
                std::thread::sleep(Duration::from_millis(20));
            }
            // someone else was faster: look again, and watch them from the start
            watched = None;
        }
    }
}
