//! What a store promises about changing the catalogue and taking things out of it.

use std::sync::Arc;

use boxoffice_core::decide::first_transition;
use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId, ShowtimeId};
use boxoffice_core::settings::Settings;

use super::catalogue::key;
use super::room::plan;
use super::{Bench, NOW, committed, hold, room, settings};
use crate::catalogue::{
    Alteration, Auditorium, Cinema, Created, Entry, Kind, Movie, New, NotAltered, NotCreated, ShowtimeEntry,
    ShowtimeFilter,
};
use crate::queue::Outcome;

fn movie(number: u64, title: &str, external: Option<&str>) -> Entry {
    Entry::Movie(Movie {
        id: MovieId::from_number(number),
        title: title.into(),
        runtime_min: None,
        rating: None,
        synopsis: None,
        external_id: external.map(Into::into),
    })
}

fn cinema(number: u64) -> Entry {
    Entry::Cinema(Cinema {
        id: CinemaId::from_number(number),
        name: "Orpheum".into(),
        time_zone: "UTC".into(),
        address: None,
        external_id: None,
    })
}

fn replace(before: &Entry, after: &Entry) -> Alteration {
    Alteration::Replace { before: Box::new(before.clone()), after: Box::new(after.clone()), plan: None }
}

pub(super) async fn an_entry_is_changed_from_what_was_read(bench: Bench) {
    let catalogue = bench.store.catalogue();
    let (first, second) = (movie(1, "M", Some("one")), movie(2, "N", Some("two")));
    for entry in [&first, &second] {
        assert!(catalogue.create(New::Entry(entry.clone()), None).await.is_ok());
    }
    let taken = replace(&second, &movie(2, "N", Some("one")));
    assert_eq!(catalogue.alter(taken, None).await, Err(NotAltered::ExternalIdTaken { number: 1 }));
    let after = movie(1, "Metropolis", None);
    assert_eq!(catalogue.alter(replace(&first, &after), None).await, Ok(Created::now(1)));
    assert_eq!(catalogue.entry(Kind::Movie, 1).await, Ok(Some(after.clone())));
    let stale = replace(&first, &movie(1, "Faust", None));
    assert_eq!(catalogue.alter(stale, None).await, Err(NotAltered::Changed));
    assert_eq!(catalogue.entry(Kind::Movie, 1).await, Ok(Some(after)));
    let freed = replace(&second, &movie(2, "N", Some("one")));
    assert_eq!(catalogue.alter(freed, None).await, Ok(Created::now(2)), "its external id is free again");
    let absent = movie(9, "M", None);
    assert_eq!(catalogue.alter(replace(&absent, &absent), None).await, Err(NotAltered::Absent));
    assert_eq!(catalogue.alter(Alteration::Remove(Kind::Movie, 9), None).await, Err(NotAltered::Absent));
    assert_eq!(catalogue.alter(Alteration::Remove(Kind::Movie, 2), None).await, Ok(Created::now(2)));
    assert_eq!(catalogue.entry(Kind::Movie, 2).await, Ok(None));
}

pub(super) async fn what_is_used_stays(bench: Bench) {
    let catalogue = bench.store.catalogue();
    assert!(catalogue.create(New::Entry(cinema(1)), None).await.is_ok());
    assert!(catalogue.create(New::Entry(cinema(2)), None).await.is_ok());
    assert!(catalogue.create(New::Entry(movie(1, "M", None)), None).await.is_ok());
    // Settings of a showtime name movie 1 and the auditorium of its own number.
    let id = bench.showtime(10, 5).await;
    let Ok(Some(before)) = catalogue.entry(Kind::Auditorium, 10).await else { panic!("its room is there") };
    let Entry::Auditorium(room) = before.clone() else { panic!("it is an auditorium") };
    let other = plan(3, None);
    let moved = Entry::Auditorium(Auditorium {
        cinema: Some(CinemaId::from_number(1)),
        plan: other.hash(),
        ..room.clone()
    });
    let alteration = Alteration::Replace {
        before: Box::new(before),
        after: Box::new(moved),
        plan: Some(Arc::clone(&other)),
    };
    assert_eq!(catalogue.alter(alteration, None).await, Ok(Created::now(10)));
    assert!(bench.store.plan(other.hash()).await.is_ok_and(|plan| plan.is_some()), "the plan came with it");
    let Ok(Some(entry)) = catalogue.showtime(id).await else { panic!("the showtime is there") };
    assert_eq!(entry.cinema, Some(CinemaId::from_number(1)), "the showtime is where its room is");
    assert_eq!(entry.plan, room.plan, "and keeps the plan that it was made with");
    for (kind, number, auditoriums) in [(Kind::Movie, 1, 0), (Kind::Auditorium, 10, 0), (Kind::Cinema, 1, 1)]
    {
        match catalogue.alter(Alteration::Remove(kind, number), None).await {
            Err(NotAltered::InUse(users)) => {
                assert_eq!((users.showtimes, users.showtime, users.auditoriums), (1, Some(id), auditoriums));
            }
            other => panic!("{kind:?} is used, but {other:?}"),
        }
        assert!(catalogue.entry(kind, number).await.is_ok_and(|entry| entry.is_some()));
    }
    assert_eq!(catalogue.alter(Alteration::Remove(Kind::Cinema, 2), None).await, Ok(Created::now(2)));
    assert_eq!(catalogue.alter(Alteration::RemoveShowtime(id), None).await, Ok(Created::now(10)));
    match catalogue.alter(Alteration::Remove(Kind::Cinema, 1), None).await {
        Err(NotAltered::InUse(users)) => {
            assert_eq!((users.showtimes, users.auditorium), (0, Some(AuditoriumId::from_number(10))));
        }
        other => panic!("a room is in it, but {other:?}"),
    }
    for (kind, number) in [(Kind::Auditorium, 10), (Kind::Cinema, 1), (Kind::Movie, 1)] {
        assert_eq!(catalogue.alter(Alteration::Remove(kind, number), None).await, Ok(Created::now(number)));
    }
}

pub(super) async fn an_alteration_is_done_once_for_each_key(bench: Bench) {
    let catalogue = bench.store.catalogue();
    let (first, second) = (movie(1, "M", None), movie(1, "N", None));
    assert!(catalogue.create(New::Entry(first.clone()), None).await.is_ok());
    let change = || replace(&first, &second);
    assert_eq!(catalogue.answered(key(1, 1)).await, Ok(None));
    assert_eq!(catalogue.alter(change(), Some(key(1, 1))).await, Ok(Created::now(1)));
    let again = Created { number: 1, replayed: true, answer: Some(vec![1, 1]) };
    assert_eq!(catalogue.alter(change(), Some(key(1, 1))).await, Ok(again.clone()));
    assert_eq!(catalogue.answered(key(1, 1)).await, Ok(Some(again)));
    assert_eq!(catalogue.answered(key(1, 2)).await, Err(NotCreated::KeyReused));
    let remove = Alteration::Remove(Kind::Movie, 1);
    assert_eq!(catalogue.alter(remove.clone(), Some(key(1, 2))).await, Err(NotAltered::KeyReused));
    assert_eq!(catalogue.alter(change(), Some(key(2, 2))).await, Err(NotAltered::Changed));
    let removed = catalogue.alter(remove.clone(), Some(key(2, 3))).await;
    assert_eq!(removed, Ok(Created::now(1)), "a refusal uses up no key");
    let again = catalogue.alter(remove.clone(), Some(key(2, 3))).await;
    assert!(again.is_ok_and(|done| done.replayed), "it is gone, and was asked for once");
    assert_eq!(catalogue.alter(remove, None).await, Err(NotAltered::Absent));
}

pub(super) async fn a_showtime_goes_whole_unless_it_was_held_from(mut bench: Bench) {
    let (fresh, held) = (bench.showtime(10, 5).await, bench.showtime(11, 6).await);
    assert_eq!(bench.one(hold(held, 1, &[(0, 1)])).await, committed(2));
    let remove =
        async |bench: &Bench, id| bench.store.catalogue().alter(Alteration::RemoveShowtime(id), None).await;
    assert_eq!(remove(&bench, held).await, Err(NotAltered::EverHeld));
    assert_eq!(remove(&bench, ShowtimeId::from_number(77)).await, Err(NotAltered::Absent));
    assert_eq!(remove(&bench, fresh).await, Ok(Created::now(10)));
    assert_eq!(remove(&bench, fresh).await, Err(NotAltered::Absent));
    assert_eq!(bench.one(hold(fresh, 2, &[(0, 1)])).await, Outcome::Conflict, "nothing can be sold any more");
    assert!(bench.store.load(fresh, NOW).await.is_ok_and(|loaded| loaded.is_none()));
    assert_eq!(bench.store.catalogue().showtime(fresh).await, Ok(None));
    let all = ShowtimeFilter { now: NOW, limit: 10, ..ShowtimeFilter::default() };
    let listed = bench.store.catalogue().showtimes(all).await.expect("it lists");
    assert_eq!(listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), [held]);
    assert_eq!(bench.one(hold(held, 3, &[(1, 1)])).await, committed(3), "the others go on");
    // Its external id and its room can be used again.
    let next = ShowtimeId::from_number(12);
    let entry = ShowtimeEntry {
        id: next,
        plan: room().hash(),
        cinema: None,
        settings: Arc::new(Settings { version: 1, ..settings(10, 5) }),
        external_id: None,
    };
    let first = first_transition(next, &room(), &entry.settings, NOW);
    assert!(bench.store.catalogue().create(New::Showtime(entry, first), None).await.is_ok());
    assert_eq!(bench.one(hold(next, 4, &[(0, 1)])).await, committed(2));
    let log = bench.store.events(next, 0, 10).await.expect("it reads");
    assert_eq!(log.iter().map(|event| event.revision).collect::<Vec<_>>(), [1, 2]);
}
