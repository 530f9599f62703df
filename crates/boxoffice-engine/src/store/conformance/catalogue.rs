//! What a store promises about cinemas, movies, auditoriums and the list of showtimes.

use std::sync::Arc;

use boxoffice_core::change::EventKind;
use boxoffice_core::decide::first_transition;
use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId, ShowtimeId};
use boxoffice_core::settings::{SaleStatus, Settings};
use compact_str::format_compact;

use super::{Bench, NOW, committed, hold, room, settings, with};
use crate::catalogue::{
    Auditorium, CatalogueKey, Cinema, Entry, EntryFilter, Kind, Movie, New, NotCreated, ShowtimeEntry,
    ShowtimeFilter,
};

/// A key with what was asked under it, and an answer that tells both.
pub(super) fn key(key: u8, fingerprint: u8) -> CatalogueKey {
    let answer = vec![key, fingerprint];
    CatalogueKey { caller: "admin".into(), key: [key; 16], fingerprint: [fingerprint; 16], at: NOW, answer }
}

pub(super) async fn entries_are_kept_as_given(bench: Bench) {
    let catalogue = bench.store.catalogue();
    let cinema = Entry::Cinema(Cinema {
        id: CinemaId::from_number(1),
        name: "Grand Café".into(),
        time_zone: "Europe/Berlin".into(),
        address: Some("1 High Street".into()),
        external_id: Some("same".into()),
    });
    let plan = room();
    let auditorium = Auditorium {
        id: AuditoriumId::from_number(1),
        name: "One".into(),
        cinema: Some(CinemaId::from_number(1)),
        plan: plan.hash(),
        screen: Some("laser".into()),
        external_id: Some("same".into()),
    };
    assert!(catalogue.create(New::Entry(cinema.clone()), None).await.is_ok());
    let made = catalogue.create(New::Auditorium(auditorium.clone(), Arc::clone(&plan)), None).await;
    assert!(made.is_ok(), "external ids belong to a kind: {made:?}");
    assert_eq!(catalogue.entry(Kind::Cinema, 1).await, Ok(Some(cinema.clone())));
    assert_eq!(catalogue.entries(Kind::Cinema, all_entries()).await, Ok(vec![cinema]));
    assert_eq!(catalogue.entry(Kind::Auditorium, 1).await, Ok(Some(Entry::Auditorium(auditorium.clone()))));
    let stored = bench.store.plan(plan.hash()).await.expect("it reads").expect("it is there");
    assert_eq!((stored.seats(), stored.rows()), (plan.seats(), plan.rows()));
    let other = Auditorium { id: AuditoriumId::from_number(2), external_id: None, ..auditorium };
    let again = catalogue.create(New::Entry(Entry::Auditorium(other)), None).await;
    assert!(again.is_ok(), "the plan is there already: {again:?}");
}

pub(super) async fn a_showtime_is_made_once(mut bench: Bench) {
    let taken = bench.showtime(10, 5).await;
    let entry = |id, external: Option<&str>| ShowtimeEntry {
        id,
        plan: room().hash(),
        cinema: Some(CinemaId::from_number(3)),
        settings: Arc::new(settings(10, 6)),
        external_id: external.map(Into::into),
    };
    let new = |entry: ShowtimeEntry| {
        let first = first_transition(entry.id, &room(), &entry.settings, NOW);
        New::Showtime(entry, first)
    };
    let key = |fingerprint| Some(key(1, fingerprint));
    let (id, other) = (ShowtimeId::from_number(20), ShowtimeId::from_number(21));
    let catalogue = bench.store.catalogue();
    assert_eq!(catalogue.create(new(entry(taken, None)), key(1)).await, Err(NotCreated::IdTaken));
    let made = catalogue.create(new(entry(id, Some("ext"))), key(1)).await.expect("a refusal uses up no key");
    assert_eq!((made.number, made.replayed), (20, false));
    let again = catalogue.create(new(entry(other, Some("ext"))), key(1)).await.expect("the first answer");
    assert_eq!((again.number, again.replayed), (20, true));
    assert_eq!(catalogue.create(new(entry(other, None)), key(2)).await, Err(NotCreated::KeyReused));
    let second = catalogue.create(new(entry(other, Some("ext"))), None).await;
    assert_eq!(second, Err(NotCreated::ExternalIdTaken { number: 20 }));
    assert_eq!(catalogue.showtime(id).await, Ok(Some(entry(id, Some("ext")))));
    assert_eq!(catalogue.showtime(other).await, Ok(None), "what was refused is not there");
    assert_eq!(bench.store.events(other, 0, 10).await, Ok(Vec::new()), "nor is its first change");
    let first = bench.store.events(id, 0, 10).await.expect("it reads");
    assert_eq!(first.iter().map(|event| event.revision).collect::<Vec<_>>(), [1]);
    assert_eq!(bench.one(hold(id, 1, &[(0, 1)])).await, committed(2), "and it is on sale");
}

pub(super) async fn lists_follow_committed_settings(mut bench: Bench) {
    let (first, second) = (bench.showtime(10, 5).await, bench.showtime(11, 6).await);
    let moved = with(hold(first, 1, &[]), |change| {
        change.holds.clear();
        change.kind = EventKind::SHOWTIME_CHANGED;
        let starts_at = NOW.plus_ms(7 * 3_600_000);
        let movie = MovieId::from_number(2);
        let after = Settings { version: 2, starts_at, movie, published: false, ..settings(10, 5) };
        change.settings = Some(Arc::new(after));
    });
    assert_eq!(bench.one(moved).await, committed(2));
    let catalogue = bench.store.catalogue();
    let all = ShowtimeFilter { now: NOW, limit: 10, ..ShowtimeFilter::default() };
    for (what, filter, expected) in [
        ("by start", all.clone(), vec![second, first]),
        ("published", ShowtimeFilter { published_only: true, ..all.clone() }, vec![second]),
        ("movie", ShowtimeFilter { movie: Some(MovieId::from_number(2)), ..all.clone() }, vec![first]),
        ("cinema", ShowtimeFilter { cinema: Some(CinemaId::from_number(3)), ..all.clone() }, vec![]),
        ("external id", ShowtimeFilter { external_id: Some("ext".into()), ..all.clone() }, vec![]),
        ("on sale", ShowtimeFilter { status: Some(SaleStatus::OnSale), ..all.clone() }, vec![second, first]),
        (
            "upcoming",
            ShowtimeFilter { status: Some(SaleStatus::Upcoming), now: NOW.plus_ms(-1), ..all.clone() },
            vec![second, first],
        ),
        ("cancelled", ShowtimeFilter { status: Some(SaleStatus::Cancelled), ..all.clone() }, vec![]),
    ] {
        let listed = catalogue.showtimes(filter).await.expect("it lists");
        assert_eq!(listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), expected, "{what}");
    }
    let entry = catalogue.showtime(first).await.expect("it reads").expect("it is there");
    assert_eq!(entry.settings.version, 2);
}

fn all_entries() -> EntryFilter {
    EntryFilter { limit: 10, ..EntryFilter::default() }
}

pub(super) async fn the_catalogue_keeps_what_it_is_given(bench: Bench) {
    let movie = |number: u64, external: Option<&str>| {
        New::Entry(Entry::Movie(Movie {
            id: MovieId::from_number(number),
            title: format_compact!("Movie {number}"),
            runtime_min: Some(90),
            rating: None,
            synopsis: Some("…".into()),
            external_id: external.map(Into::into),
        }))
    };
    let catalogue = bench.store.catalogue();
    let key = |fingerprint| Some(key(1, fingerprint));
    for number in [3, 1, 2] {
        assert!(catalogue.create(movie(number, None), None).await.is_ok());
    }
    let first = catalogue.create(movie(4, Some("ext")), key(1)).await.expect("it is made");
    assert_eq!((first.number, first.replayed), (4, false));
    let again = catalogue.create(movie(9, Some("ext")), key(1)).await.expect("the first answer again");
    assert_eq!((again.number, again.replayed, again.answer), (4, true, Some(vec![1, 1])));
    assert_eq!(catalogue.create(movie(9, None), key(2)).await, Err(NotCreated::KeyReused));
    assert_eq!(
        catalogue.create(movie(9, Some("ext")), None).await,
        Err(NotCreated::ExternalIdTaken { number: 4 })
    );
    assert_eq!(catalogue.create(movie(4, None), None).await, Err(NotCreated::IdTaken));
    let New::Entry(expected) = movie(4, Some("ext")) else { return };
    assert_eq!(catalogue.entry(Kind::Movie, 4).await, Ok(Some(expected)));
    assert_eq!(catalogue.entry(Kind::Movie, 9).await, Ok(None), "what was refused is not there");
    assert_eq!(catalogue.entry(Kind::Cinema, 4).await, Ok(None));
    let list = async |filter: EntryFilter| {
        let entries = catalogue.entries(Kind::Movie, filter).await.expect("it lists");
        entries.iter().map(Entry::number).collect::<Vec<_>>()
    };
    assert_eq!(list(EntryFilter { limit: 2, ..EntryFilter::default() }).await, [1, 2]);
    assert_eq!(list(EntryFilter { after: Some(2), limit: 9, ..EntryFilter::default() }).await, [3, 4]);
    let external_id = Some("ext".into());
    assert_eq!(list(EntryFilter { external_id, limit: 9, ..EntryFilter::default() }).await, [4]);
    assert!(!bench.store.token_keys().await.expect("it reads").is_empty(), "there is a key for tokens");
}

pub(super) async fn showtimes_are_listed_by_their_start(bench: Bench) {
    let (late, early, soon) =
        (bench.showtime(10, 30).await, bench.showtime(11, 20).await, bench.showtime(12, 1).await);
    let all = ShowtimeFilter { now: NOW, limit: 10, ..ShowtimeFilter::default() };
    let list = async |filter: ShowtimeFilter| {
        let entries = bench.store.catalogue().showtimes(filter).await.expect("it lists");
        entries.iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(list(all.clone()).await, [soon, early, late]);
    let after = Some((NOW.plus_ms(3_600_000), soon));
    assert_eq!(list(ShowtimeFilter { after, limit: 1, ..all.clone() }).await, [early]);
    let (from, to) = (Some(NOW.plus_ms(20 * 3_600_000)), Some(NOW.plus_ms(30 * 3_600_000)));
    assert_eq!(
        list(ShowtimeFilter { from, to, ..all.clone() }).await,
        [early],
        "from is included, to is not"
    );
    let auditorium = Some(AuditoriumId::from_number(12));
    assert_eq!(list(ShowtimeFilter { auditorium, ..all.clone() }).await, [soon]);
    let status = Some(SaleStatus::Closed);
    let now = NOW.plus_ms(2 * 3_600_000);
    assert_eq!(list(ShowtimeFilter { status, now, ..all }).await, [soon], "by the time of the question");
}
