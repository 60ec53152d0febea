//! The name of this machine, for people.

/// The host's name, if anything says it.
///
/// The kernel first: `HOSTNAME` is a variable of interactive shells, which a service does not inherit, or inherits from
/// where it was started.
pub(crate) fn host() -> Option<String> {
    let named = |name: &str| std::env::var(name).ok();
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| named("HOSTNAME"))
        .or_else(|| named("COMPUTERNAME"))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}
