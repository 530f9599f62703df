//! The check on records that lie: each lie must be found.

use serde_json::json;

use super::*;

/// A hold of A1 and A2 that is booked, and one of A3 that is given back.
fn honest() -> (Room, Facts, Vec<Sale>) {
    let room = Room::of(6);
    let seat = |seat: &str, from: &str, to: &str, version: u32| json!({"seat": seat, "from": from, "to": to, "version": version});
    let events = json!([
        {"revision": 1, "kind": "held", "hold": "h1", "seats": [seat("A1", "available", "held", 1), seat("A2", "available", "held", 1)]},
        {"revision": 2, "kind": "held", "hold": "h2", "seats": [seat("A3", "available", "held", 1)]},
        {"revision": 3, "kind": "booked", "hold": "h1", "booking": "b1", "seats": [seat("A1", "held", "booked", 2), seat("A2", "held", "booked", 2)]},
        {"revision": 4, "kind": "released", "hold": "h2", "seats": [seat("A3", "held", "available", 2)]},
    ]);
    let mut map: HashMap<_, _> =
        room.labels.iter().map(|label| (label.clone(), (CompactString::from("available"), 0))).collect();
    map.insert("A1".into(), ("booked".into(), 2));
    map.insert("A2".into(), ("booked".into(), 2));
    map.insert("A3".into(), ("available".into(), 2));
    let sale = |hold: &str, seats: &[&str], state| Sale {
        showtime: 0,
        hold: hold.into(),
        token: "t".into(),
        seats: seats.iter().map(|label| room.find(label).unwrap()).collect(),
        state,
    };
    let sales = vec![
        sale("h1", &["A1", "A2"], State::Booked("b1".into(), "t".into())),
        sale("h2", &["A3"], State::Released),
    ];
    (room, Facts { revision: 4, map, events: serde_json::from_value(events).unwrap() }, sales)
}

fn found(lie: impl FnOnce(&mut Facts, &mut Vec<Sale>)) -> String {
    let (room, mut facts, mut sales) = honest();
    lie(&mut facts, &mut sales);
    let violations = check(&room, &facts, &sales.iter().collect::<Vec<_>>(), 0);
    assert_eq!(violations.told.is_empty(), violations.count == 0);
    violations.told.join("\n")
}

#[test]
fn an_honest_story_is_believed() {
    assert_eq!(found(|_, _| {}), "");
}

#[test]
fn a_gap_in_the_log_is_found() {
    let told = found(|facts, _| drop(facts.events.remove(1)));
    assert!(told.contains("after revision 1 the log has 3"), "{told}");
    let told = found(|facts, _| drop(facts.events.pop()));
    assert!(told.contains("the log ends at 3"), "{told}");
}

#[test]
fn a_seat_with_two_owners_is_found() {
    let told = found(|facts, _| {
        let mut thief = facts.events[0].clone();
        (thief.revision, thief.hold) = (5, Some("h3".into()));
        thief.seats.iter_mut().for_each(|seat| (seat.from, seat.version) = ("booked".into(), 3));
        facts.events.push(thief);
        facts.revision = 5;
    });
    assert!(told.contains("seat A1 has two owners, h1 and h3"), "{told}");
    let told = found(|_, sales| {
        let mut other = sales[0].clone();
        other.hold = "h3".into();
        sales.push(other);
    });
    assert!(told.contains("seat A1 was acknowledged to two: h1 and h3"), "{told}");
}

#[test]
fn a_sale_that_is_lost_is_found() {
    let told = found(|_, sales| sales[0].hold = "h9".into());
    assert!(told.contains("hold h9 was acknowledged, but the log does not have it"), "{told}");
    let told = found(|_, sales| sales[0].state = State::Booked("b9".into(), "t".into()));
    assert!(told.contains("booking b9 was acknowledged"), "{told}");
    let told = found(|_, sales| sales[1].state = State::Held);
    assert!(told.contains("hold h2 should have A3 held, the log gives it nothing"), "{told}");
    let told = found(|_, sales| sales[0].seats.truncate(1));
    assert!(told.contains("should have A1 booked, the log gives it A1 A2"), "{told}");
    let told = found(|_, sales| sales[0].state = State::Released);
    assert!(told.contains("hold h1 was given back, but still has A1 A2"), "{told}");
}

#[test]
fn a_sale_to_nobody_is_found() {
    let told = found(|_, sales| drop(sales.remove(0)));
    assert!(told.contains("1 holds that were acknowledged to nobody"), "{told}");
    let (room, facts, mut sales) = honest();
    sales.remove(0);
    let violations = check(&room, &facts, &sales.iter().collect::<Vec<_>>(), 1);
    assert_eq!(violations.told, [""; 0], "it may be the one without an answer");
}

#[test]
fn a_map_that_differs_from_the_log_is_found() {
    let told = found(|facts, _| drop(facts.map.insert("B2".into(), ("held".into(), 1))));
    assert!(told.contains("seat B2 is"), "{told}");
    let told = found(|facts, _| drop(facts.map.remove("B3")));
    assert!(told.contains("the map has 5 seats, the room 6"), "{told}");
    let told = found(|facts, _| facts.events[2].seats[0].version = 7);
    assert!(told.contains("revision 3: seat A1 goes from held to version 7"), "{told}");
}
