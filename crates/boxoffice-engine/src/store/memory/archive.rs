//! The archive of the reference store.

use boxoffice_core::hold::Booking;
use boxoffice_core::id::{Serial, ShowtimeId};
use boxoffice_core::time::Timestamp;

use super::{MemoryStore, Tables};
use crate::archive::{Archive, BookingFilter, FoundBooking, folded_email};
use crate::catalogue::{CatalogueKey, Created, NotAltered, ShowtimeEntry};
use crate::runtime::BoxFuture;
use crate::store::{StoreError, StoredHold};

impl BookingFilter {
    fn admits(&self, entry: &ShowtimeEntry, stored: &StoredHold, booking: &Booking) -> bool {
        let place = (booking.created_at, stored.hold.serial);
        let email = stored.contact.as_ref().and_then(|contact| contact.email.as_deref());
        self.after.is_none_or(|after| place < after)
            && self.reference.is_none_or(|reference| booking.reference == reference)
            && self.email.as_ref().is_none_or(|wanted| email.map(folded_email).as_ref() == Some(wanted))
            && self.showtime.is_none_or(|id| entry.id == id)
            && self.cinema.is_none_or(|cinema| entry.cinema == Some(cinema))
            && self.status.is_none_or(|status| stored.hold.booking_status() == status)
            && self.from.is_none_or(|from| booking.created_at >= from)
            && self.to.is_none_or(|to| booking.created_at < to)
    }
}

impl Tables {
    fn bookings(&self, filter: &BookingFilter) -> Vec<FoundBooking> {
        let found = self.holds.iter().filter_map(|((id, _), stored)| {
            let (entry, booking) = (self.showtimes.get(id)?, stored.hold.booking.as_ref()?);
            let found = FoundBooking { showtime: *id, plan: entry.plan, stored: stored.clone() };
            filter.admits(entry, stored, booking).then_some((booking.created_at, found))
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by_key(|(at, found)| std::cmp::Reverse((*at, found.stored.hold.serial)));
        found.into_iter().take(filter.limit).map(|(_, found)| found).collect()
    }

    fn erase_contact(
        &mut self,
        showtime: ShowtimeId,
        serial: Serial,
        key: Option<CatalogueKey>,
    ) -> Result<Created, NotAltered> {
        if let Some(first) = self.answered(key.as_ref())? {
            return Ok(first);
        }
        let stored = self.holds.get_mut(&(showtime, serial)).filter(|stored| stored.hold.booking.is_some());
        stored.ok_or(NotAltered::Absent)?.contact = None;
        Ok(self.done(serial, key))
    }
}

impl Archive for MemoryStore {
    fn bookings(&self, filter: BookingFilter) -> BoxFuture<'_, Result<Vec<FoundBooking>, StoreError>> {
        self.read(move |tables| tables.bookings(&filter))
    }

    fn erase_contact(
        &self,
        showtime: ShowtimeId,
        serial: Serial,
        key: Option<CatalogueKey>,
    ) -> BoxFuture<'_, Result<Created, NotAltered>> {
        Box::pin(std::future::ready(self.tables.lock().erase_contact(showtime, serial, key)))
    }

    fn erase_old_contacts(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<usize, NotAltered>> {
        let tables = &mut *self.tables.lock();
        let showtimes = &tables.showtimes;
        let old = |id: &ShowtimeId| {
            showtimes.get(id).is_some_and(|entry| entry.settings.starts_at < started_before)
        };
        let blank = |((id, _), stored): (&(ShowtimeId, Serial), &mut StoredHold)| {
            (old(id) && stored.contact.is_some()).then(|| stored.contact = None)
        };
        let count = tables.holds.iter_mut().filter_map(blank).take(most).count();
        Box::pin(std::future::ready(Ok(count)))
    }

    fn remove_old_showtimes(
        &self,
        started_before: Timestamp,
        most: usize,
    ) -> BoxFuture<'_, Result<Vec<ShowtimeId>, NotAltered>> {
        let mut tables = self.tables.lock();
        let old = |entry: &&ShowtimeEntry| entry.settings.starts_at < started_before;
        let old: Vec<_> = tables.showtimes.values().filter(old).take(most).map(|entry| entry.id).collect();
        old.iter().for_each(|id| tables.remove_showtime(*id));
        Box::pin(std::future::ready(Ok(old)))
    }
}
