//! What the sample cinema shows: rooms, movies, and showtimes for the next seven days.

use std::sync::Arc;

use anyhow::Context as _;
use boxoffice_core::change::Actor;
use boxoffice_core::command::{Command, HoldSeats, SeatRequest};
use boxoffice_core::decide::first_transition;
use boxoffice_core::hold::Contact;
use boxoffice_core::id::{AuditoriumId, CinemaId, MovieId, ShowtimeId};
use boxoffice_core::money::Currency;
use boxoffice_core::plan::Plan;
use boxoffice_core::seat::SeatStatus;
use boxoffice_core::settings::{Prices, Settings, TicketPrice};
use boxoffice_core::time::Timestamp;
use boxoffice_engine::box_office::Caller;
use boxoffice_engine::catalogue::{
    Auditorium, Cinema, Entry, Movie, New, NotCreated, ShowtimeEntry, ShowtimeFilter,
};
use compact_str::{CompactString, format_compact};
use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::http::App;
use crate::plans::{Options, import};

const TIME_ZONE: &str = "Europe/Berlin";
const DAYS: i64 = 7;
/// Each room: its external id, name, and plan.
const ROOMS: [(&str, &str, &str); 3] = [
    ("studio", "Studio", include_str!("../../../../samples/plans/small-studio.json")),
    ("hall", "Grand Hall", include_str!("../../../../samples/plans/grand-hall.json")),
    ("two-zones", "Screen 3", include_str!("../../../../samples/plans/pretix-two-zones.json")),
];
/// Each movie: its external id, title, minutes, rating.
const MOVIES: [(&str, &str, u32, &str); 3] = [
    ("lighthouse", "The Last Lighthouse Keeper", 117, "PG"),
    ("orbit", "Orbit of Two", 142, "12"),
    ("bakery", "Midnight at the Bakery", 96, "G"),
];
/// When shows begin, by the clock on the wall.
const HOURS: [i8; 3] = [15, 18, LAST_HOUR];
const LAST_HOUR: i8 = 21;

/// What the greeting tells.
pub(super) struct Programme {
    /// How many showtimes there are.
    pub(super) showtimes: usize,
    /// Where a crowd may buy: the next one first.
    pub(super) open: Vec<ShowtimeId>,
    /// A showtime that nobody else buys from.
    pub(super) quiet: ShowtimeId,
    /// Two seats beside each other that are free there.
    pub(super) free_pair: Vec<CompactString>,
}

/// Adds what is missing for the next seven days.
pub(super) async fn top_up(app: &App) -> anyhow::Result<Programme> {
    let stage = Stage { app };
    let cinema = CinemaId::from_number(
        stage
            .entry(Entry::Cinema(Cinema {
                id: CinemaId::from_number(app.office.draw_number()),
                name: "Lantern Pictures".into(),
                time_zone: TIME_ZONE.into(),
                address: Some("1 Riverside".into()),
                external_id: Some("demo".into()),
            }))
            .await?,
    );
    let mut movies = Vec::new();
    for (key, title, minutes, rating) in MOVIES {
        let movie = Movie {
            id: MovieId::from_number(app.office.draw_number()),
            title: title.into(),
            runtime_min: Some(minutes),
            rating: Some(rating.into()),
            synopsis: None,
            external_id: Some(format_compact!("demo-{key}")),
        };
        movies.push(MovieId::from_number(stage.entry(Entry::Movie(movie)).await?));
    }
    let mut rooms = Vec::new();
    for (key, name, plan) in ROOMS {
        rooms.push((key, stage.room(cinema, key, name, plan).await?));
    }
    let now = app.office.now();
    let first_day = first_day(now)?;
    let mut made = Vec::new();
    for day in 0..DAYS {
        let date = first_day.checked_add(day.days())?;
        for (number, (key, room)) in rooms.iter().enumerate() {
            for (turn, hour) in HOURS.iter().enumerate() {
                let starts_at = begins(date, *hour)?;
                if starts_at <= now {
                    continue;
                }
                let movie = movies[(number + turn + day as usize) % movies.len()];
                let external_id = name(key, date, *hour);
                made.push((
                    starts_at,
                    stage.showtime(cinema, room, movie, starts_at, now, external_id).await?,
                ));
            }
        }
    }
    made.sort_unstable();
    // The last one that still has a pair is left alone; the second day's last one in the first room is nearly sold out; one
    // opens in two minutes.
    let (quiet, free_pair) = stage.quiet(&made).await?;
    let second_day = first_day.checked_add(1.days())?;
    let busy = stage.id_of(&name(ROOMS[0].0, second_day, LAST_HOUR)).await?;
    stage.sell_nearly_out(busy).await?;
    let opens_at = now.plus_ms(120_000);
    let (starts_at, room) = (now.plus_ms(3 * 60 * 60 * 1000), &rooms[0].1);
    let external_id = format_compact!("demo-opening-{}", now.as_ms());
    made.push((starts_at, stage.showtime(cinema, room, movies[0], starts_at, opens_at, external_id).await?));
    made.sort_unstable();
    let showtimes = made.len();
    let open = made.into_iter().map(|(_, id)| id).filter(|id| *id != quiet).collect();
    Ok(Programme { showtimes, open, quiet, free_pair })
}

/// The first of the days on sale: today, as long as its last shows have not begun.
fn first_day(now: Timestamp) -> anyhow::Result<Date> {
    let today = jiff::Timestamp::from_millisecond(now.as_ms())?.in_tz(TIME_ZONE)?.date();
    Ok(if begins(today, LAST_HOUR)? > now { today } else { today.checked_add(1.days())? })
}

fn begins(date: Date, hour: i8) -> anyhow::Result<Timestamp> {
    let starts_at = date.at(hour, 0, 0, 0).in_tz(TIME_ZONE)?.timestamp();
    Ok(Timestamp::from_ms(starts_at.as_millisecond()))
}

/// A showtime's external id: by it the next start knows it again.
fn name(room: &str, date: Date, hour: i8) -> CompactString {
    format_compact!("demo-{room}-{date}-{hour}")
}

struct Room {
    id: AuditoriumId,
    plan: Arc<Plan>,
}

struct Stage<'a> {
    app: &'a App,
}

impl Stage<'_> {
    /// Adds something, or finds the one that has its external id.
    async fn add(&self, new: New) -> anyhow::Result<u64> {
        match self.app.office.ports().store.catalogue().create(new, None).await {
            Ok(created) => Ok(created.number),
            Err(NotCreated::ExternalIdTaken { number }) => Ok(number),
            Err(error) => Err(error.into()),
        }
    }

    async fn entry(&self, entry: Entry) -> anyhow::Result<u64> {
        self.add(New::Entry(entry)).await
    }

    async fn room(&self, cinema: CinemaId, key: &str, name: &str, plan: &str) -> anyhow::Result<Room> {
        let imported = import(plan.as_bytes(), &Options::default());
        let plan =
            imported.map_err(|faults| anyhow::anyhow!("the sample plan {key} has faults: {faults:?}"))?.plan;
        let plan = Arc::new(plan);
        let auditorium = Auditorium {
            id: AuditoriumId::from_number(self.app.office.draw_number()),
            name: name.into(),
            cinema: Some(cinema),
            plan: plan.hash(),
            screen: None,
            external_id: Some(format_compact!("demo-{key}")),
        };
        let number = self.add(New::Auditorium(auditorium, Arc::clone(&plan))).await?;
        Ok(Room { id: AuditoriumId::from_number(number), plan })
    }

    async fn showtime(
        &self,
        cinema: CinemaId,
        room: &Room,
        movie: MovieId,
        starts_at: Timestamp,
        on_sale_at: Timestamp,
        external_id: CompactString,
    ) -> anyhow::Result<ShowtimeId> {
        let defaults = &self.app.config.holds;
        let price = |category: usize| {
            let adult = 1150 + 250 * category as i64;
            let ticket = |ticket: &str, amount| TicketPrice { ticket: ticket.into(), amount };
            vec![ticket("adult", adult), ticket("child", adult - 350)]
        };
        let settings = Arc::new(Settings {
            version: 1,
            movie,
            auditorium: room.id,
            starts_at,
            on_sale_at,
            off_sale_at: starts_at,
            currency: Currency::new("EUR").context("EUR is a currency")?,
            prices: Prices((0..room.plan.categories().len()).map(price).collect()),
            hold_ttl_ms: i64::from(defaults.ttl_s) * 1000,
            max_hold_ttl_ms: i64::from(defaults.max_ttl_s) * 1000,
            max_seats_per_hold: defaults.max_seats,
            published: true,
            cancelled: false,
        });
        let id = self.app.office.draw_showtime();
        let first = first_transition(id, &room.plan, &settings, self.app.office.now());
        let plan = room.plan.hash();
        let entry =
            ShowtimeEntry { id, plan, cinema: Some(cinema), settings, external_id: Some(external_id) };
        Ok(ShowtimeId::from_number(self.add(New::Showtime(entry, first)).await?))
    }

    /// The showtime that has this external id.
    async fn id_of(&self, external_id: &str) -> anyhow::Result<ShowtimeId> {
        let filter =
            ShowtimeFilter { external_id: Some(external_id.into()), limit: 1, ..ShowtimeFilter::default() };
        let found = self.app.office.ports().store.catalogue().showtimes(filter).await?;
        Ok(found.first().context("the programme is not whole")?.id)
    }

    /// The last showtime in which two neighbours are free, and these.
    async fn quiet(
        &self,
        made: &[(Timestamp, ShowtimeId)],
    ) -> anyhow::Result<(ShowtimeId, Vec<CompactString>)> {
        for (_, id) in made.iter().rev() {
            if let Some(pair) = self.free_pair(*id).await? {
                return Ok((*id, pair));
            }
        }
        anyhow::bail!("no two seats beside each other are free; `--fresh` starts over")
    }

    /// Books seats, two by two, until one in ten is left.
    async fn sell_nearly_out(&self, id: ShowtimeId) -> anyhow::Result<()> {
        let office = &self.app.office;
        let caller = Caller { actor: Actor::Patron, request: None };
        let board = office.board(id).await.map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        let (views, _) = board.seats(office.now());
        let free: Vec<_> = views.iter().filter(|view| view.status == SeatStatus::Available).collect();
        let keep = views.len().div_ceil(10);
        let sell = free.len().saturating_sub(keep);
        for pair in free[..sell].chunks(2) {
            let seat = |no| SeatRequest { seat: board.plan().seat(no).label.clone(), ticket: None };
            let request =
                HoldSeats { seats: pair.iter().map(|view| seat(view.no)).collect(), ..HoldSeats::default() };
            let held = office.execute(id, &Command::Hold(request), &caller).await;
            let Some(hold) = held.ok().and_then(|done| done.hold) else { continue };
            let confirm =
                Command::Confirm { hold: hold.serial, contact: Contact::default(), metadata: Vec::new() };
            office.execute(id, &confirm, &caller).await.map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        }
        Ok(())
    }

    /// Two neighbours that are free, if there are any.
    async fn free_pair(&self, id: ShowtimeId) -> anyhow::Result<Option<Vec<CompactString>>> {
        let board = self.app.office.board(id).await.map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
        let (views, _) = board.seats(self.app.office.now());
        let free = |no: u32| views[no as usize].status == SeatStatus::Available;
        let plan = board.plan();
        let pair = (0..plan.seat_count()).find_map(|no| {
            let right = plan.neighbours(no).1?;
            (free(no) && free(right)).then_some([no, right])
        });
        Ok(pair.map(|pair| pair.map(|no| plan.seat(no).label.clone()).to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_with_the_day_that_still_has_a_show() {
        let first_day = |now: &str| {
            let now = now.parse::<jiff::Zoned>().expect("a time").timestamp();
            first_day(Timestamp::from_ms(now.as_millisecond())).expect("a day").to_string()
        };
        assert_eq!(first_day("2026-11-26T20:59:59[Europe/Berlin]"), "2026-11-26");
        assert_eq!(first_day("2026-11-26T21:00:00[Europe/Berlin]"), "2026-11-27");
        assert_eq!(first_day("2026-11-27T00:00:00[Europe/Berlin]"), "2026-11-27");
    }
}
