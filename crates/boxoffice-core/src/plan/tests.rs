//! Tests of plans as a whole: faults, labels, order, neighbours, groups, and the two round trips.

use compact_str::{CompactString, format_compact};

use super::*;

fn seat(number: &str, x: f64, y: f64) -> SeatDraft {
    SeatDraft { number: number.into(), x, y, category: "std".into(), ..SeatDraft::default() }
}

fn row(name: &str, seats: Vec<SeatDraft>) -> RowDraft {
    RowDraft { name: name.into(), zone: None, seats, origin: 0 }
}

/// A draft whose origins are counted through.
fn draft(mut rows: Vec<RowDraft>) -> PlanDraft {
    let mut next = 0;
    for (no, row) in (0..).zip(&mut rows) {
        row.origin = no;
        for seat in &mut row.seats {
            (seat.origin, next) = (next, next + 1);
        }
    }
    let key = CompactString::const_new("std");
    let categories = vec![CategoryDraft { name: key.clone(), key, color: None, origin: 0 }];
    PlanDraft { categories, rows, screen: None }
}

fn plan(rows: Vec<RowDraft>) -> Plan {
    Plan::build(draft(rows)).expect("a sound draft").0
}

fn faults(draft: PlanDraft) -> Vec<String> {
    Plan::build(draft).expect_err("a faulty draft").iter().map(ToString::to_string).collect()
}

fn labels(plan: &Plan) -> Vec<&str> {
    plan.seats().iter().map(|seat| seat.label.as_str()).collect()
}

/// The draft that a plan would be read back as.
fn redraft(plan: &Plan) -> PlanDraft {
    let mut again = draft(Vec::new());
    again.categories = (0..)
        .zip(plan.categories())
        .map(|(origin, c)| CategoryDraft {
            key: c.key.clone(),
            name: c.name.clone(),
            color: c.color.clone(),
            origin,
        })
        .collect();
    let screen = plan.screen();
    again.screen = Some(ScreenDraft { x: screen.x.into(), y: screen.y.into(), width: screen.width.into() });
    again.rows = (0..)
        .zip(plan.rows())
        .map(|(origin, r)| {
            let seats =
                plan.seats()[r.seats.start as usize..r.seats.end as usize].iter().map(|s| SeatDraft {
                    label: Some(s.label.clone()),
                    number: s.number.clone(),
                    x: s.x.into(),
                    y: s.y.into(),
                    category: plan.categories()[usize::from(s.category)].key.clone(),
                    kind: s.kind,
                    group: s.group,
                    blocked: s.blocked,
                    source_id: s.source_id.clone(),
                    origin: 0,
                });
            RowDraft { name: r.name.clone(), zone: r.zone.clone(), seats: seats.collect(), origin }
        })
        .collect();
    again
}

#[test]
fn pixels_become_seats_in_order() {
    let plan = plan(vec![
        row("B", vec![seat("2", 75.0, 130.0), seat("1", 50.0, 130.0)]),
        row("A", vec![seat("1", 50.0, 100.0), seat("3", 125.0, 100.0), seat("2", 75.0, 100.0)]),
    ]);
    assert_eq!(labels(&plan), ["A1", "A2", "A3", "B1", "B2"]);
    let places: Vec<_> = plan.seats().iter().map(|seat| (seat.x, seat.y)).collect();
    assert_eq!(places, [(0.5, 0.5), (1.5, 0.5), (3.5, 0.5), (0.5, 1.7), (1.5, 1.7)]);
    assert_eq!(plan.size(), (4.0, 2.2));
    let neighbours: Vec<_> = (0..5).map(|no| plan.neighbours(no)).collect();
    let expected = [(None, Some(1)), (Some(0), None), (None, None), (None, Some(4)), (Some(3), None)];
    assert_eq!(neighbours, expected);
    assert_eq!(plan.neighbours(99), (None, None));
    assert_eq!((plan.find("B2"), plan.find("b2")), (Some(4), None));
    assert_eq!((plan.category_no("std"), plan.category_no("vip")), (Some(0), None));
}

#[test]
fn a_row_whose_arms_reach_forward_is_behind_what_it_embraces() {
    let arms = (0..6).flat_map(|no| [(0.0, 6.0 - f64::from(no)), (9.0, 6.0 - f64::from(no))]);
    let base = (1..9).map(|no| (f64::from(no), 7.0));
    let curved = arms.chain(base).map(|(x, y)| seat(&format_compact!("{x}-{y}"), x, y)).collect();
    let straight =
        |name: &str, y: f64| row(name, (3..7).map(|x| seat(&x.to_string(), f64::from(x), y)).collect());
    let plan = plan(vec![row("C", curved), straight("B", 5.0), straight("A", 4.0)]);
    let names: Vec<_> = plan.rows().iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["A", "B", "C"]);
}

#[test]
fn labels_take_the_first_rule_without_collisions() {
    let rule = |rows| Plan::build(draft(rows)).map(|(plan, rule)| (labels(&plan).join(" "), rule));
    let found =
        rule(vec![row("A", vec![seat("A18", 0.0, 0.0), seat("AA", 1.0, 0.0), seat("x y", 2.0, 0.0)])]);
    assert_eq!(found, Ok(("A18 AAA Axy".to_owned(), LabelRule::RowNumber)));

    let found = rule(vec![row("1", vec![seat("12", 0.0, 0.0)]), row("11", vec![seat("2", 0.0, 1.0)])]);
    assert_eq!(found, Ok(("1-12 11-2".to_owned(), LabelRule::RowDashNumber)));

    let mut balcony = row("A", vec![seat("1", 0.0, 9.0)]);
    balcony.zone = Some("Upper balcony".into());
    let found = rule(vec![row("A", vec![seat("1", 0.0, 0.0)]), balcony]);
    assert_eq!(found, Ok(("A-1 Upperbalcony-A-1".to_owned(), LabelRule::ZoneRowNumber)));

    // Decomposed letters come out composed.
    let found = rule(vec![row("A\u{308}", vec![seat("1", 0.0, 0.0)])]);
    assert_eq!(found, Ok(("\u{c4}1".to_owned(), LabelRule::RowNumber)));
}

#[test]
fn every_fault_is_reported_at_once() {
    let mut given = seat("1", 0.0, 0.0);
    given.label = Some("A 1".into());
    let mut twin = seat("2", 1.0, 0.0);
    (twin.source_id, twin.category) = (Some("s".into()), "vip".into());
    let mut other = seat("2", 2.0, 0.0);
    other.source_id = Some("s".into());
    let faulty =
        draft(vec![row("A", vec![given, twin, other]), row("B", Vec::new()), row("A\u{7}", Vec::new())]);
    let expected = [
        "row `B` has no seats",
        "row `A\u{7}` has control characters",
        "row `A\u{7}` has no seats",
        "source id `s` is used twice: by row `A` number `2`, and before by row `A` number `2`",
        "label `A 1` has a space",
        "label `A-2` is used twice: by row `A` number `2`, and before by row `A` number `2`",
        "seat `A-2` is of category `vip`, which the plan does not list",
    ];
    assert_eq!(faults(faulty), expected);
}

#[test]
fn rooms_beyond_measure_are_refused() {
    assert_eq!(faults(draft(Vec::new())), ["the plan has no seats"]);
    let crowd = (0..100_001).map(|_| seat("1", 0.0, 0.0)).collect();
    assert_eq!(
        faults(draft(vec![row("A", crowd)])),
        ["the plan has 100001 seats; at most 100000 are allowed"]
    );
    for x in [f64::NAN, f64::INFINITY, -1e308] {
        let found = faults(draft(vec![row("A", vec![seat("1", x, 0.0), seat("2", 1.0, 0.0)])]));
        assert!(found[0].starts_with("the position of seat row `A` number `1` is not a number"), "{found:?}");
    }
    let wide = vec![seat("1", 0.0, 0.0), seat("2", 1.0, 0.0), seat("3", 1e6, 0.0), seat("4", 1e6 + 1.0, 0.0)];
    let found = faults(draft(vec![row("A", wide)]));
    assert!(found[0].starts_with("the room is 1000002 by 1 seats large"), "{found:?}");
    let tiny = vec![seat("1", 0.0, 0.0), seat("2", 5e-324, 0.0), seat("3", 1.0, 0.0)];
    assert!(Plan::build(draft(vec![row("A", tiny)])).is_err());
}

#[test]
fn seats_in_one_place_and_screens_behind_them_are_refused() {
    let found = faults(draft(vec![
        row("A", vec![seat("1", 0.0, 0.0), seat("2", 1.0, 0.0)]),
        row("B", vec![seat("1", 1.0, 0.0)]),
    ]));
    assert_eq!(found, ["seats `B1` and `A2` are in the same place"]);
    let mut behind = draft(vec![row("A", vec![seat("1", 0.0, 0.0), seat("2", 1.0, 0.0)])]);
    behind.screen = Some(ScreenDraft { x: 0.0, y: 5.0, width: 2.0 });
    assert_eq!(faults(behind), ["the screen is behind the seats: y grows away from the screen"]);
}

#[test]
fn sofas_are_numbered_in_order_and_must_hold_together() {
    let sofa = |number: &str, x: f64, group: u32| SeatDraft { group: Some(group), ..seat(number, x, 0.0) };
    let sound = plan(vec![row(
        "A",
        vec![sofa("1", 0.0, 7), sofa("2", 1.0, 7), sofa("3", 2.0, 3), sofa("4", 3.0, 3)],
    )]);
    assert_eq!(sound.group_count(), 2);
    assert_eq!((sound.group_members(0), sound.group_members(1), sound.group_members(2)), (0..2, 2..4, 0..0));

    let aisle = row("A", vec![sofa("1", 0.0, 1), sofa("2", 1.0, 1), sofa("3", 3.0, 1), sofa("4", 4.0, 2)]);
    let far =
        RowDraft { name: "B".into(), ..row("B", vec![SeatDraft { group: Some(1), ..seat("1", 0.0, 1.0) }]) };
    let expected = [
        "seats `A3` and `A2` are of one group, but not beside each other",
        "seat `B1` is of the same group as `A3`, but in another row",
        "seat `A4` is the only one of its group; a group has two or more seats",
    ];
    assert_eq!(faults(draft(vec![aisle, far])), expected);
}

#[test]
fn categories_without_seats_are_left_out() {
    let mut with_more = draft(vec![row("A", vec![seat("1", 0.0, 0.0)])]);
    let spare = CategoryDraft { key: "spare".into(), name: "Spare".into(), color: None, origin: 1 };
    with_more.categories.insert(0, spare);
    let (plan, _) = Plan::build(with_more).expect("sound");
    assert_eq!(plan.categories().iter().map(|c| c.key.as_str()).collect::<Vec<_>>(), ["std"]);
    assert_eq!(plan.seat(0).category, 0);
}

#[test]
fn damaged_bytes_are_malformed_and_never_panic() {
    let sofa = |number: &str, x: f64| SeatDraft { group: Some(1), ..seat(number, x, 0.0) };
    let bytes = plan(vec![row("A", vec![sofa("1", 0.0), sofa("2", 1.0), seat("3", 2.0, 0.0)])]).encode();
    for cut in 0..bytes.len() {
        assert!(Plan::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            if let Ok(plan) = Plan::decode(&damaged) {
                assert_ne!(plan.hash(), PlanHash::of(&bytes), "byte {at} bit {bit}");
            }
        }
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        /// A curved room at any scale, with aisles, its seats and rows in any order.
        fn rooms()(
            rows in prop::collection::vec(prop::collection::vec(0.9f64..3.0, 1..12), 1..8),
            (scale, bend, tilt) in (0.01f64..200.0, 0.0f64..0.2, -0.5f64..0.5),
            (left, top) in (-1e4f64..1e4, -1e4f64..1e4),
            backwards in any::<bool>(),
        ) -> PlanDraft {
            let mut rows: Vec<RowDraft> = rows.iter().enumerate().map(|(no, gaps)| {
                let mut x = 0.0;
                let seats = gaps.iter().enumerate().map(|(seat_no, gap)| {
                    x += gap;
                    let y = no as f64 * 40.0 + (x - 8.0) * (x - 8.0) * bend + x * tilt;
                    seat(&format_compact!("{}", seat_no + 1), left + x * scale, top + y * scale)
                });
                row(&format_compact!("R{no}"), seats.collect())
            }).collect();
            if backwards {
                rows.reverse();
                rows.iter_mut().for_each(|row| row.seats.reverse());
            }
            draft(rows)
        }
    }

    proptest! {
        #[test]
        fn a_plan_survives_both_round_trips(room in rooms()) {
            let (plan, _) = Plan::build(room).expect("sound");
            let decoded = Plan::decode(&plan.encode()).expect("its own bytes");
            prop_assert_eq!(decoded.encode(), plan.encode());
            prop_assert_eq!(decoded.hash(), plan.hash());
            let (again, rule) = Plan::build(redraft(&plan)).expect("its own contents");
            prop_assert_eq!(again.hash(), plan.hash());
            prop_assert_eq!(rule, LabelRule::Given);
        }

        #[test]
        fn the_order_of_the_source_does_not_matter(room in rooms()) {
            let mut turned = room.clone();
            turned.rows.reverse();
            turned.rows.iter_mut().for_each(|row| row.seats.reverse());
            prop_assert_eq!(Plan::build(room), Plan::build(turned));
        }

        #[test]
        fn neighbours_are_mutual_and_close(room in rooms()) {
            let (plan, _) = Plan::build(room).expect("sound");
            for no in 0..plan.seat_count() {
                let (left, right) = plan.neighbours(no);
                if let Some(right) = right {
                    prop_assert_eq!(plan.neighbours(right).0, Some(no));
                    let (a, b) = (plan.seat(no), plan.seat(right));
                    prop_assert_eq!(a.row, b.row);
                    prop_assert!((a.x - b.x).hypot(a.y - b.y) < AISLE + 0.001);
                }
                prop_assert!(left.is_none() || left == no.checked_sub(1));
                prop_assert_eq!(plan.find(&plan.seat(no).label), Some(no));
            }
        }

        #[test]
        fn any_bytes_are_a_plan_or_malformed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Plan::decode(&bytes);
        }
    }
}
