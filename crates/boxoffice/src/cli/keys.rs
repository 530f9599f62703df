//! `boxoffice keys` and `boxoffice epoch`: the keys that tokens are made with, and the name of the history.

use std::process::ExitCode;

use boxoffice_core::time::Timestamp;
use boxoffice_engine::clock::{Clock as _, SystemClock};
use boxoffice_engine::store::{KEY_REST_MS, TokenKey, signing_key};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::print_line;
use super::stores::{Chosen, store};

/// `boxoffice keys`
pub(super) fn keys_command() -> Command {
    let id = Arg::new("id").value_name("ID").required(true).value_parser(value_parser!(u32));
    Command::new("keys")
        .about("The keys that tokens of holds and bookings are made with; also beside a running server")
        .after_help(
            "A new key signs once it has been in the store for 60 seconds; tokens of the one before stay good until \
             it is revoked. A running server heeds a revocation within two seconds.",
        )
        .subcommand_required(false)
        .arg_required_else_help(true)
        .args_conflicts_with_subcommands(true)
        .arg(Arg::new("list").long("list").action(ArgAction::SetTrue).help("List the keys with age and state"))
        .arg(store())
        .subcommand(Command::new("rotate").about("Add a key, which will sign from then on").arg(store()))
        .subcommand(
            Command::new("revoke")
                .about("Refuse all tokens that were made with a key: their holds end by themselves, their bookings are the staff's")
                .arg(id.help("The key, as --list shows it"))
                .arg(store()),
        )
}

/// `boxoffice epoch`
pub(super) fn epoch_command() -> Command {
    Command::new("epoch").about("The name of the database's history").subcommand_required(true).subcommand(
        Command::new("renew")
            .about("Give the database a new epoch, so that every client reads its seat maps anew; a file's while no server runs")
            .arg(store()),
    )
}

pub(super) fn keys(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    let now = SystemClock::start().now();
    match matches.subcommand() {
        Some(("rotate", matches)) => {
            let id = Chosen::from(matches)?.add_token_key(now)?;
            print_line(&format!("key {id} was added; it signs in {} s", KEY_REST_MS / 1000));
        }
        Some(("revoke", matches)) => {
            let id = matches.get_one::<u32>("id").copied().unwrap_or_default();
            Chosen::from(matches)?.revoke_token_key(id, now)?;
            print_line(&format!("key {id} is revoked"));
        }
        _ => {
            let keys = Chosen::from(matches)?.token_keys()?;
            let signing = signing_key(&keys, now);
            print_line("key  age         state");
            for key in &keys {
                print_line(&describe(key, signing, now));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn epoch(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    if let Some(("renew", matches)) = matches.subcommand() {
        let epoch = Chosen::from(matches)?.renew_epoch()?;
        print_line(&format!("the epoch is {epoch} now"));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(key: &TokenKey, signing: Option<u32>, now: Timestamp) -> String {
    let rest_s = (KEY_REST_MS - now.since_ms(key.made_at)).div_euclid(1000) + 1;
    let state = match key.revoked {
        true => "revoked: its tokens are refused".to_owned(),
        false if signing == Some(key.id) => "signs".to_owned(),
        false if signing < Some(key.id) => format!("signs in {rest_s} s"),
        false => "verifies only".to_owned(),
    };
    let age =
        if key.made_at == Timestamp::default() { "first".to_owned() } else { age(now.since_ms(key.made_at)) };
    format!("{:<4} {age:<11} {state}", key.id)
}

fn age(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    match s {
        0..120 => format!("{s} s"),
        120..7_200 => format!("{} min", s / 60),
        7_200..172_800 => format!("{} h", s / 3600),
        _ => format!("{} days", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_described_by_its_age_and_state() {
        let now = Timestamp::from_ms(1_000_000_000);
        let key = |id, age_ms: i64, revoked| TokenKey {
            id,
            secret: [0; 32],
            made_at: now.plus_ms(-age_ms),
            revoked,
        };
        let first = TokenKey { made_at: Timestamp::default(), ..key(1, 0, true) };
        assert_eq!(describe(&first, Some(2), now), "1    first       revoked: its tokens are refused");
        assert_eq!(describe(&key(2, 90_000_000, false), Some(3), now), "2    25 h        verifies only");
        assert_eq!(describe(&key(3, 300_000, false), Some(3), now), "3    5 min       signs");
        assert_eq!(describe(&key(4, 20_000, false), Some(3), now), "4    20 s        signs in 41 s");
    }
}
