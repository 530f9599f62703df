//! The importers, from the outside: our samples, real files where they are to be had, and hostile ones.

use std::path::{Path, PathBuf};

use boxoffice::plans::{self, Fault, Format, Imported, Options, Side};
use boxoffice_core::plan::{LabelRule, Plan, SeatKind};
use serde_json::{Value, json};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sample(name: &str) -> Imported {
    let bytes = std::fs::read(workspace().join("samples/plans").join(name)).expect("a sample");
    import(&bytes).unwrap_or_else(|faults| panic!("{name}: {faults:#?}"))
}

/// A real file, which this repository may not contain.
fn real(name: &str) -> Option<Vec<u8>> {
    let path = workspace().join("../shared/data/plans").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("LEFT OUT: {name} is not there, so the import of this real file was not tested");
    }
    bytes
}

fn import(bytes: &[u8]) -> Result<Imported, Vec<Fault>> {
    plans::import(bytes, &Options::default())
}

fn faults(value: &Value) -> Vec<(String, String)> {
    let faults = import(value.to_string().as_bytes()).expect_err("a faulty file");
    faults.into_iter().map(|fault| (fault.pointer, fault.detail)).collect()
}

fn only_fault(value: &Value) -> (String, String) {
    let mut faults = faults(value);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

fn labels<'a>(plan: &'a Plan, row: &str) -> Vec<&'a str> {
    let rows = plan.rows().iter().filter(|found| found.name == row);
    rows.flat_map(|row| row.seats.clone()).map(|no| plan.seat(no).label.as_str()).collect()
}

fn blocked(plan: &Plan) -> Vec<&str> {
    plan.seats().iter().filter(|seat| seat.blocked).map(|seat| seat.label.as_str()).collect()
}

fn neighbours(plan: &Plan, label: &str) -> (Option<String>, Option<String>) {
    let name = |no: Option<u32>| no.map(|no| plan.seat(no).label.to_string());
    let (left, right) = plan.neighbours(plan.find(label).expect("a seat"));
    (name(left), name(right))
}

/// What must hold of every plan that was imported.
fn assert_sound(name: &str, imported: &Imported) {
    let plan = &imported.plan;
    let wire = serde_json::to_vec(&plans::wire(plan)).expect("JSON");
    let again = import(&wire).unwrap_or_else(|faults| panic!("{name}: its own wire form: {faults:#?}"));
    assert_eq!((again.plan.hash(), again.format), (plan.hash(), Format::Boxoffice), "{name}");
    assert_eq!(Plan::decode(&plan.encode()).as_ref(), Ok(plan), "{name}");
    let drawing = plans::draw(plan);
    assert!(
        drawing.contains(&format!("{} seats in {} rows", plan.seat_count(), plan.rows().len())),
        "{drawing}"
    );
}

#[test]
fn every_sample_is_a_sound_plan() {
    let mut count = 0;
    for entry in std::fs::read_dir(workspace().join("samples/plans")).expect("samples") {
        let name = entry.expect("a sample").file_name().into_string().expect("a plain name");
        assert_sound(&name, &sample(&name));
        count += 1;
    }
    assert!(count >= 6, "only {count} samples");
}

#[test]
fn our_own_format_is_short_to_write() {
    let studio = sample("small-studio.json");
    assert_eq!((studio.name.as_deref(), studio.label_rule), (Some("Studio"), LabelRule::RowNumber));
    assert_eq!(labels(&studio.plan, "B"), ["B1", "B2", "B3", "B4", "B5", "B6"]);
    assert_eq!(studio.plan.categories()[0].key, "standard");

    let hall = sample("grand-hall.json").plan;
    assert_eq!(hall.seat_count(), 53);
    assert_eq!(hall.seat(hall.find("A1").expect("A1")).kind, SeatKind::Wheelchair);
    assert_eq!(neighbours(&hall, "B4"), (Some("B3".into()), None));
    assert_eq!(neighbours(&hall, "B5"), (None, Some("B6".into())));
    assert_eq!(blocked(&hall), ["D9"]);
    assert_eq!(hall.group_count(), 3);
    assert!(hall.group_members(1).all(|no| hall.seat(no).kind == SeatKind::LoveSeat));
    assert_eq!(hall.seat(hall.find("D1").expect("D1")).y, 6.0);
}

#[test]
fn the_drawing_is_the_room() {
    let drawing = plans::draw(&sample("grand-hall.json").plan);
    let room: Vec<&str> = drawing.lines().take(8).map(str::trim_end).collect();
    let expected = [
        "   === SCREEN ====",
        "",
        "A    &+ aaaa +&     A     8",
        "B  aaaa aaaaa aaaa  B    13",
        "C  aaaa aaaaa aaaa  C    13",
        "",
        "D  bbbb bbbbx bbbb  D    13",
        "E    CC CC CC       E     6",
    ];
    assert_eq!(room, expected);
    for line in ["a     34  category standard Standard", "&      2  wheelchair", "x      1  blocked"] {
        assert!(drawing.lines().any(|found| found == line), "{drawing}");
    }
}

#[test]
fn pretix_rows_of_several_objects_and_zones() {
    let imported = sample("pretix-two-zones.json");
    let plan = &imported.plan;
    assert_eq!((imported.format, imported.label_rule), (Format::Pretix, LabelRule::ZoneRowNumber));
    // The screen is drawn at the bottom, so the room is turned: the highest numbers come first.
    let rows: Vec<_> = plan.rows().iter().map(|row| (row.zone.as_deref(), row.name.as_str())).collect();
    let (stalls, balcony) = (Some("Stalls"), Some("Balcony"));
    assert_eq!(rows, [(stalls, "A"), (stalls, "B"), (stalls, "C"), (balcony, "A"), (balcony, "B")]);
    let numbers: Vec<_> = plan.rows()[1].seats.clone().map(|no| plan.seat(no).number.to_string()).collect();
    assert_eq!(numbers.concat(), "789654321");
    assert_eq!(neighbours(plan, "Stalls-B-6"), (None, Some("Stalls-B-5".into())));
    assert_eq!(imported.warnings, ["category `Unused` has no seats and was left out"]);
    assert!(plan.screen().y < plan.seat(0).y);

    let options = Options { blocked_categories: vec!["Not available".into()], ..Options::default() };
    let bytes = std::fs::read(workspace().join("samples/plans/pretix-two-zones.json")).expect("a sample");
    let with_blocked = plans::import(&bytes, &options).expect("sound").plan;
    assert_eq!(blocked(&with_blocked).len(), 4);
    let options = Options { screen_side: Some(Side::Top), ..Options::default() };
    let as_drawn = plans::import(&bytes, &options).expect("sound").plan;
    assert_eq!(as_drawn.rows()[0].zone.as_deref(), balcony);
}

#[test]
fn vista_areas_share_rows_and_both_spellings_are_one() {
    let imported = sample("vista-shared-rows.json");
    let plan = &imported.plan;
    assert_eq!(imported.format, Format::Vista);
    assert_eq!(plan.hash(), sample("vista-bare-camel-case.json").plan.hash());
    assert_eq!(labels(plan, "B"), ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8"]);
    // Seats of two areas side by side, and an aisle where a column is missing.
    assert_eq!(neighbours(plan, "B5"), (Some("B4".into()), Some("B6".into())));
    assert_eq!(neighbours(plan, "A6"), (None, Some("A7".into())));
    // House or broken, and a status that nobody is sure of; sold and reserved are one session's.
    assert_eq!(blocked(plan), ["C2", "C5"]);
    assert!(
        imported.warnings.iter().any(|warning| warning.contains("status `3`")),
        "{:?}",
        imported.warnings
    );
    let sofas: Vec<_> = (0..plan.group_count()).map(|group| plan.group_members(group).len()).collect();
    assert_eq!(sofas, [2, 2, 2]);
}

#[test]
fn a_vista_layout_without_areas_is_refused() {
    assert!(boxoffice::plans::import(br#"{"Areas":[]}"#, &boxoffice::plans::Options::default()).is_err());
}

#[test]
fn options_say_what_vistas_data_cannot() {
    let seat = |column: u32, kind: u32| json!({"Id": column + 1, "Position": {"ColumnIndex": column}, "SeatType": kind, "Status": 0});
    let seats: Vec<Value> =
        [(0, 1), (1, 2), (2, 0), (4, 0)].map(|(column, kind)| seat(column, kind)).to_vec();
    let area = json!({"AreaCategoryCode": "01", "Rows": [{"PhysicalName": "A", "Seats": seats}]});
    let bytes = json!({"Areas": [area]}).to_string();
    let imported = import(bytes.as_bytes()).expect("sound");
    assert_eq!(labels(&imported.plan, "A"), ["A5", "A3", "A2", "A1"]);
    assert_eq!(imported.warnings.len(), 2, "two types that are not known: {:?}", imported.warnings);

    let seat_types = vec![("1".to_owned(), SeatKind::Wheelchair), ("2".to_owned(), SeatKind::Companion)];
    let options = Options { columns_rightward: true, seat_types, ..Options::default() };
    let imported = plans::import(bytes.as_bytes(), &options).expect("sound");
    assert_eq!(labels(&imported.plan, "A"), ["A1", "A2", "A3", "A5"]);
    assert_eq!(
        (imported.plan.seat(0).kind, imported.plan.seat(1).kind),
        (SeatKind::Wheelchair, SeatKind::Companion)
    );
    assert_eq!(neighbours(&imported.plan, "A3"), (Some("A2".into()), None));
    assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
}

#[test]
fn a_stage_at_any_side_comes_to_the_top() {
    // A block of two by three; the seat that is nearest to the stage on its left must come first.
    let seat = |no: u32| {
        let position = json!({"x": f64::from(no % 3) * 25.0, "y": f64::from(no / 3) * 25.0});
        json!({"seat_guid": no.to_string(), "seat_number": no, "position": position, "category": "c"})
    };
    let seats: Vec<Value> = (0..6).map(seat).collect();
    let first_at = |x: i32, y: i32| {
        let stage = json!({"shape": "text", "position": {"x": x, "y": y}, "text": {"text": "Bühne"}});
        let row = json!({"row_number": "", "seats": [seats[0]]});
        let others: Vec<Value> =
            (1..6).map(|no| json!({"row_number": format!("{no}-"), "seats": [seats[no]]})).collect();
        let rows: Vec<Value> = std::iter::once(row).chain(others).collect();
        let zone = json!({"name": "z", "position": {"x": 0, "y": 0}, "rows": rows, "areas": [stage]});
        let plan = json!({"name": "", "categories": [{"name": "c"}], "zones": [zone]});
        let imported = import(plan.to_string().as_bytes()).expect("sound");
        imported.plan.seats()[0].number.to_string()
    };
    let sides = [(25, -100), (25, 200), (-100, 12), (200, 12)].map(|(x, y)| first_at(x, y));
    assert_eq!(sides, ["0", "5", "3", "2"]);
}

#[test]
fn majors_variant_has_house_and_broken_seats() {
    let imported = sample("major-house-seats.json");
    let plan = &imported.plan;
    assert_eq!(imported.format, Format::Major);
    let rows: Vec<_> = plan.rows().iter().map(|row| row.name.as_str()).collect();
    assert_eq!(rows, ["C", "B", "A"]);
    assert_eq!(blocked(plan), ["A1", "A6"]);
    assert_eq!(neighbours(plan, "B2"), (Some("B1".into()), None));
    assert_eq!(plan.categories()[1].name, "Deluxe chair");
}

#[test]
fn real_pretix_theatre() {
    let Some(bytes) = real("pretix-tiptip-teaterbesartim-1132.json") else { return };
    let faults = import(&bytes).expect_err("21 guids are used twice");
    assert_eq!(faults.len(), 21);
    assert!(faults.iter().all(|fault| fault.detail.starts_with("source id `Groundfloor-")), "{faults:#?}");
    assert!(faults.iter().all(|fault| fault.pointer.starts_with("/zones/0/rows/")), "{faults:#?}");

    let Some(bytes) = real("pretix-tiptip-teaterbesartim-1132-guidfix.json") else { return };
    let options = Options { blocked_categories: vec!["NOT AVAILABLE".into()], ..Options::default() };
    let imported = plans::import(&bytes, &options).expect("sound");
    assert_sound("teater besar", &imported);
    let plan = &imported.plan;
    assert_eq!((plan.seat_count(), plan.rows().len(), plan.categories().len()), (1132, 39, 6));
    assert_eq!(blocked(plan).len(), 112);
    // The stage is at the bottom of the drawing; AA embraces the rows in front of it.
    let rows: Vec<_> = plan.rows().iter().map(|row| row.name.as_str()).collect();
    assert_eq!(&rows[..3], ["E", "F", "G"]);
    assert_eq!(&rows[14..18], ["T", "U", "AA", "AB"]);
    assert_eq!(rows[38], "CI");
    let aa = plan.rows().iter().find(|row| row.name == "AA").expect("AA");
    assert_eq!(aa.seats.len(), 49);
}

#[test]
fn real_vista_cinema() {
    let Some(bytes) = real("vista-bhdstar-rooma-156.json") else { return };
    let imported = import(&bytes).expect("sound");
    assert_sound("bhd star", &imported);
    let plan = &imported.plan;
    assert_eq!((plan.seat_count(), plan.rows().len(), plan.categories().len()), (156, 13, 3));
    assert_eq!(plan.group_count(), 5);
    assert!((0..5).all(|group| plan.group_members(group).len() == 2));
    assert_eq!((plan.rows()[0].name.as_str(), plan.rows()[12].name.as_str()), ("A", "M"));
    assert!(blocked(plan).is_empty(), "a sold seat is not blocked");
}

#[test]
fn real_major_cinema() {
    let Some(bytes) = real("vista-majorcineplex-premium-336.json") else { return };
    let imported = import(&bytes).expect("sound");
    assert_sound("major", &imported);
    let plan = &imported.plan;
    assert_eq!((plan.seat_count(), plan.rows().len()), (336, 12));
    assert_eq!(blocked(plan), ["C23", "C24", "C25", "C26", "C27", "C28", "A28"]);
    assert_eq!((plan.rows()[0].name.as_str(), plan.rows()[11].name.as_str()), ("L", "A"));
    assert_eq!(neighbours(plan, "L2"), (Some("L1".into()), Some("L3".into())));
}

#[test]
fn faults_of_our_own_format_point_at_their_place() {
    let row = |seats: Value| json!({"rows": [{"row": "A", "seats": seats}]});
    let at = |value: Value| only_fault(&value).0;
    assert_eq!(at(json!({"rows": [], "colour": 1})), "/colour");
    assert_eq!(at(row(json!([{"number": 1}, {"numbr": 2}]))), "/rows/0/seats/1/numbr");
    assert_eq!(at(row(json!([{"x": "1"}]))), "/rows/0/seats/0/x");
    assert_eq!(at(row(json!([{"kind": "throne"}]))), "/rows/0/seats/0/kind");
    assert_eq!(at(row(json!([["A1", "1"]]))), "/rows/0/seats/0");
    assert_eq!(at(row(json!([{"category": "vip"}]))), "/rows/0/seats/0");
    assert_eq!(at(row(json!([{"gap": 1, "kind": "standard"}, {}]))), "/rows/0/seats/0");
    assert_eq!(at(row(json!([{"gap": -1}, {}]))), "/rows/0/seats/0");
    assert_eq!(at(json!({"rows": [{"row": "A", "seats": -3}]})), "/rows/0/seats");
    assert_eq!(at(json!({"format": "boxoffice-plan/9", "rows": [{"row": "A", "seats": 2}]})), "/format");
    assert_eq!(
        at(json!({"rows": [{"row": "A", "y": 1, "seats": 2}], "screen": {"x": 0, "y": 9, "width": 2}})),
        "/screen"
    );
    let (pointer, detail) = only_fault(&row(json!([{"seat": "A1"}, {"seat": "A1"}])));
    assert_eq!(pointer, "/rows/0/seats/1");
    assert!(detail.contains("label `A1` is used twice") && detail.contains("/rows/0/seats/0"), "{detail}");
    let (_, detail) = only_fault(&row(json!([{"group": 1}, {"number": 2}])));
    assert!(detail.contains("only one of its group"), "{detail}");
    let two = json!({"rows": [{"row": "A", "seats": 2}, {"row": "A", "seats": 3}]});
    assert!(faults(&two).iter().any(|(at, detail)| at == "/rows/1" && detail.contains("listed twice")));
}

#[test]
fn faults_of_foreign_formats_point_at_their_place() {
    let seat = |guid: &str, x: f64, category: &str| json!({"seat_guid": guid, "seat_number": "1", "position": {"x": x, "y": 0}, "category": category});
    let seats = json!([seat("a", 0.0, "c"), seat("a", 25.0, "dangling")]);
    let zone = json!({"position": {"x": 0, "y": 0}, "rows": [{"row_number": "1", "seats": seats}]});
    let pretix = json!({"name": "", "categories": [{"name": "c"}], "zones": [zone]});
    let found = faults(&pretix);
    assert_eq!(found.len(), 3, "id, label and category: {found:?}");
    assert!(found.iter().all(|(pointer, _)| pointer == "/zones/0/rows/0/seats/1"), "{found:?}");

    let (pointer, detail) = only_fault(&json!({"ResponseCode": 67, "SeatLayoutData": null}));
    assert!(pointer.is_empty() && detail.contains("67"), "{detail}");
    let position = |column: i32| json!({"AreaNumber": 1, "RowIndex": 0, "ColumnIndex": column});
    let member = |column: i32, group: Value| json!({"Id": column, "Position": position(column), "SeatsInGroup": group});
    let seats =
        json!([member(0, json!([position(0), position(1)])), member(1, json!([position(1), position(2)]))]);
    let area = json!({"AreaCategoryCode": "01", "Rows": [{"PhysicalName": "A", "Seats": seats}]});
    let found = faults(&json!({"Areas": [area]}));
    assert!(found.iter().any(|(pointer, _)| pointer == "/Areas/0/Rows/0/Seats/1"), "{found:?}");
}

#[test]
fn what_is_no_plan_is_refused_with_what_was_looked_for() {
    for bytes in [&b"{}"[..], b"{\"movies\":[]}"] {
        let faults = import(bytes).expect_err("no plan");
        assert!(faults[0].detail.contains("`SeatLayoutData`"), "{faults:?}");
    }
    for bytes in
        [&b""[..], b"[]", b"7", b"{", b"{\"rows\":", b"{\"rows\":[]", b"\xff\xfe{}", b"{\"rows\":[]}{}"]
    {
        assert!(import(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
    let deep = format!("{{\"zones\":{}", "[".repeat(900_000));
    assert!(import(deep.as_bytes()).is_err());
    let deep = format!("{{\"rows\":[],\"x\":{}1{}}}", "[".repeat(400_000), "]".repeat(400_000));
    assert!(import(deep.as_bytes()).is_err());
    assert!(import(&vec![b'['; 50_000_000]).is_err());
}

#[test]
fn absurd_numbers_are_refused() {
    let many_rows: Vec<Value> =
        (0..1000).map(|no| json!({"row": no.to_string(), "seats": 100_000})).collect();
    let (_, detail) = only_fault(&json!({ "rows": many_rows }));
    assert!(detail.contains("100000000 seats"), "{detail}");
    assert!(only_fault(&json!({"rows": [{"row": "A", "seats": 100_001}]})).1.contains("1 to 100000"));
    assert!(only_fault(&json!({"rows": [{"row": "A", "seats": [{"x": 1e308}]}]})).1.contains("position"));
    assert!(only_fault(&json!({"rows": [{"row": "A", "y": -1e300, "seats": 1}]})).1.contains("position"));
    assert!(import(br#"{"rows":[{"row":"A","seats":[{"x":NaN}]}]}"#).is_err());
    assert!(import(br#"{"rows":[{"row":"A","seats":[{"x":1e999}]}]}"#).is_err());

    let twins: Vec<Value> = (0..5000).map(|_| json!({"seat": "A1"})).collect();
    let found = faults(&json!({"rows": [{"row": "A", "seats": twins}]}));
    assert_eq!(found.len(), 101);
    assert_eq!(found[100].1, "and 4899 more faults");
}

#[test]
fn the_largest_room_is_built_in_time_and_drawn_in_short() {
    let rows: Vec<Value> = (0..250).map(|no| json!({"row": format!("R{no}-"), "seats": 400})).collect();
    let imported = import(json!({ "rows": rows }).to_string().as_bytes()).expect("sound");
    assert_eq!(imported.plan.seat_count(), 100_000);
    let drawing = plans::draw(&imported.plan);
    assert!(drawing.len() < 10_000 && drawing.contains("too large to draw"), "{drawing}");
    assert_sound("stadium", &imported);
}

#[test]
fn nothing_in_a_file_makes_the_importer_panic() {
    // Every sample, damaged in a few thousand ways: cut short, bytes exchanged, numbers and braces thrown in.
    const JUNK: &[u8] = b"0-{[]}\",:e9\\ ";
    let mut random = 7u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    for entry in std::fs::read_dir(workspace().join("samples/plans")).expect("samples") {
        let bytes = std::fs::read(entry.expect("a sample").path()).expect("bytes");
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..=next(3) {
                let at = next(damaged.len());
                match next(4) {
                    0 => damaged.truncate(at.max(1)),
                    1 => damaged[at] = JUNK[next(JUNK.len())],
                    2 => damaged.splice(at..at, *b"1e308").for_each(drop),
                    _ => {
                        let other = next(damaged.len());
                        damaged.swap(at, other);
                    }
                }
            }
            if let Ok(imported) = import(&damaged) {
                assert_sound("damaged", &imported);
            }
        }
    }
}

/// The members that the schema knows at each level, against those that our own samples use and the reader takes.
#[test]
fn the_schema_knows_every_member_of_our_own_samples() {
    let schema = std::fs::read(workspace().join("docs/seating-plan.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_slice(&schema).expect("JSON");
    let known = |at: &str| schema.pointer(at).and_then(Value::as_object).expect("properties").clone();
    let check = |object: &Value, at: &str, name: &str| {
        let known = known(at);
        for key in object.as_object().expect("an object").keys() {
            assert!(known.contains_key(key), "{name}: {at} does not know `{key}`");
        }
    };
    let wire = serde_json::to_value(plans::wire(&sample("vista-shared-rows.json").plan)).expect("JSON");
    let file = |name: &str| {
        let bytes = std::fs::read(workspace().join("samples/plans").join(name)).expect("a sample");
        serde_json::from_slice::<Value>(&bytes).expect("JSON")
    };
    for name in ["small-studio.json", "grand-hall.json", "wire"] {
        let plan = if name == "wire" { wire.clone() } else { file(name) };
        check(&plan, "/properties", name);
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        for category in list(&plan["categories"]) {
            check(&category, "/$defs/category/properties", name);
        }
        for row in list(&plan["rows"]) {
            check(&row, "/$defs/row/properties", name);
            for element in list(&row["seats"]) {
                let def = if element.get("gap").is_some() { "gap" } else { "seat" };
                check(&element, &format!("/$defs/{def}/properties"), name);
            }
        }
    }
}
