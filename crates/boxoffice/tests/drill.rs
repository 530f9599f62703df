//! The drill: a backup is taken under load and sold from elsewhere, as an operator would after the machine is lost.

#[path = "server/support.rs"]
mod server;

use std::collections::BTreeMap;
use std::time::Duration;

use server::{Crowd, Dice, House, Run, Server, Showtime, get, hall, replay, settle, states, text, until};

const PATIENCE: Duration = Duration::from_secs(30);

#[track_caller]
fn done(run: &Run) -> &str {
    assert_eq!(run.code, Some(0), "{}", run.said);
    &run.said
}

fn revision(showtime: &Showtime<'_>) -> usize {
    showtime.map()["revision"].as_u64().expect("a revision") as usize
}

/// What a client has whose map was of `before`, once it has asked what changed since then.
fn catch_up(server: &Server, copy: &Showtime<'_>, since: &str) -> BTreeMap<String, (String, u64)> {
    let changes = server.send(&get(copy.path(&format!("/seats?since={since}")))).expect(200);
    assert_eq!((&changes["from"], &changes["reset"]), (&0.into(), &true.into()), "it drops its own map");
    assert_eq!(changes["epoch"], copy.map()["epoch"]);
    states(&changes["seats"])
}

#[test]
fn what_was_sold_before_a_backup_is_sold_on_from_elsewhere() {
    let server = Server::start();
    let (plan, seats) = hall(30, 40);
    let house = House::with_plan(&server, &plan);
    let (before, meanwhile) = (house.plain_showtime(), house.plain_showtime());
    let mut dice = Dice::from_clock();
    let early = Crowd::gather(&before, &seats, 4, &mut dice);
    let crowd = Crowd::gather(&meanwhile, &seats, 4, &mut dice);
    let sold_so_far = || early.acknowledged().min(crowd.acknowledged());
    until("both sales are going", PATIENCE, || (sold_so_far() > 100).then_some(()));
    let mut sales = early.leave();

    // The other sale goes on: what it had sold by now must be in the copy as well.
    let sold = meanwhile.events();
    let file = server.path("saved.db").display().to_string();
    done(&server.run(&["backup", "--store", &server.store(), &file]));
    let marks = crowd.acknowledged();
    until("the sale goes on", PATIENCE, || (crowd.acknowledged() > marks).then_some(()));
    let lived = meanwhile.map();

    let other = Server::idle(&[]);
    done(&other.run(&["restore", &file, "--store", &other.store()]));
    other.audit();
    let told = other.run(&["epoch", "renew", "--store", &other.store()]);
    other.start_again();
    let copies = [&before, &meanwhile].map(|showtime| Showtime { server: &other, id: showtime.id.clone() });
    for copy in &copies {
        let epoch = text(&copy.map()["epoch"]);
        assert!(done(&told).contains(&epoch), "the new epoch shows: {epoch}");
        assert_ne!(epoch, text(&lived["epoch"]));
        assert_eq!(text(&copy.read()["epoch"]), epoch);
        // A client that had a map of the old history, whatever its revision was.
        for revision in [1, revision(copy), revision(copy) + 1000] {
            let caught_up = catch_up(&other, copy, &format!("{}-{revision}", text(&lived["epoch"])));
            let mut shown = copy.seats();
            shown.retain(|seat, (_, version)| *version > 0 || caught_up.contains_key(seat));
            assert_eq!(caught_up, shown);
        }
        let tag = format!("W/\"{}-{}\"", text(&lived["epoch"]), revision(copy));
        let map = other.send(&get(copy.path("/seats")).header("If-None-Match", tag));
        assert_eq!(map.status, 200, "an old tag names no map of this history");
    }

    let [copy, cut] = &copies;
    let epoch = text(&copy.map()["epoch"]);
    sales.iter_mut().for_each(|sale| sale.move_to(&epoch));
    assert!(settle(copy, &mut sales) > 0, "every sale that was acknowledged before is there, to the seat");
    replay(copy);
    let copied = replay(cut);
    assert!(sold.len() <= copied && copied <= revision(&meanwhile), "{} {copied}", sold.len());
    assert_eq!(cut.events()[..sold.len()], sold, "and so is what the other sale had sold by then");
    let free = cut.seats().into_iter().find(|(_, (status, _))| status == "available");
    cut.hold(&[&free.expect("a free seat").0]).book();
    other.audit();

    assert!(settle(&meanwhile, &mut crowd.leave()) > 0, "the one that was copied has lost nothing either");
    server.audit();
}
