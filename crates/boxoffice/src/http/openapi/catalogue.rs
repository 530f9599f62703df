//! Cinemas, movies and auditoriums in the description of the API.

use serde_json::{Value, json};

use super::super::problem::Code;
use super::operation::Access::{Key, Public};
use super::operation::Operation;
use super::schema::{
    Object, answer, body, given_text, integer, list, of, one_of, or_null, plain_text, said, short_list, text,
};
use super::shared::{external_id, page, page_of, sample, with_format};
use super::{Description, plans};
use crate::config::Scope;

const TAG: &str = "Catalogue";

/// A kind of entry: its names, and what is not found when it is absent.
struct Kind {
    path: &'static str,
    one: &'static str,
    many: &'static str,
    absent: Code,
}

/// Adds their operations and schemas.
pub(super) fn add(description: &mut Description) {
    let cinemas = Kind { path: "cinemas", one: "Cinema", many: "Cinemas", absent: Code::CinemaNotFound };
    add_schemas(description, &cinemas, cinema().like(cinema_sample()), new_cinema);
    add_operations(description, &cinemas, &cinema_sample());
    let new = json!({"name": "Orpheum", "time_zone": "Europe/Berlin"});
    add_changes(description, &cinemas, json!({"address": "Bahnhofstraße 1"}), &cinema_sample(), &[]);
    description.add("post", "/v1/cinemas", creates(&cinemas, new, "Cinema", cinema_sample()));

    let movies = Kind { path: "movies", one: "Movie", many: "Movies", absent: Code::MovieNotFound };
    add_schemas(description, &movies, movie().like(movie_sample()), new_movie);
    add_operations(description, &movies, &movie_sample());
    let new = json!({"title": "Orbit of Two", "runtime_min": 142, "rating": "12"});
    add_changes(description, &movies, json!({"rating": "16"}), &movie_sample(), &[]);
    description.add("post", "/v1/movies", creates(&movies, new, "Movie", movie_sample()));

    let rooms = Kind {
        path: "auditoriums",
        one: "Auditorium",
        many: "Auditoriums",
        absent: Code::AuditoriumNotFound,
    };
    add_schemas(description, &rooms, auditorium(answer("A room.")).like(auditorium_sample()), new_auditorium);
    description.schema("CreatedAuditorium", created_auditorium());
    description.schema("ChangedAuditorium", changed_auditorium());
    add_operations(description, &rooms, &auditorium_sample());
    let refusals = [Code::CinemaNotFound, Code::InvalidPlan];
    add_changes(description, &rooms, json!({"name": "Studio 2"}), &auditorium_sample(), &refusals);
    let new = json!({"name": "Studio", "cinema": sample::CINEMA, "plan": plans::given_sample()});
    let mut made = auditorium_sample();
    made["warnings"] = json!([]);
    made["label_rule"] = "row_number".into();
    let create = creates(&rooms, new, "CreatedAuditorium", made)
        .refuses(&[Code::CinemaNotFound, Code::InvalidPlan])
        .text("The plan is in our own format, pretix's or Vista's, recognised by its shape; the body may have 32 MiB. \
            A new plan is for showtimes made from then on.");
    description.add("post", "/v1/auditoriums", create);
}

fn add_schemas(description: &mut Description, kind: &Kind, shown: Value, new: fn() -> Object) {
    description.schema(kind.one, shown);
    description.schema(&format!("New{}", kind.one), new().schema());
    let mut change = new().into_change().schema();
    if kind.one == "Auditorium" {
        // They say how to read a plan, so they come with one.
        let none = json!({"properties": {"blocked_categories": {"type": "null"}}});
        change["anyOf"] = json!([{"required": ["plan"]}, none]);
    }
    description.schema(&format!("{}Change", kind.one), change);
    description.schema(&format!("{}Page", kind.one), page(kind.one));
}

fn add_operations(description: &mut Description, kind: &Kind, example: &Value) {
    let one = kind.one.to_lowercase();
    let (list_id, read_id) = (format!("list{}", kind.many), format!("read{}", kind.one));
    let list = Operation::new(&list_id, TAG, &format!("List {}", kind.path), Public)
        .query("external_id", plain_text(), "Only the one with this id of your own.", "42".into())
        .paged()
        .answers(200, "A page.", &format!("{}Page", kind.one), page_of(example.clone()));
    description.add("get", &format!("/v1/{}", kind.path), list);
    let read = Operation::new(&read_id, TAG, &format!("Read {} {one}", article(&one)), Public)
        .path("id", &format!("{}Id", kind.one), kind.absent)
        .answers(200, &format!("The {one}."), kind.one, example.clone());
    description.add("get", &format!("/v1/{}/{{id}}", kind.path), read);
}

/// Changing and deleting an entry.
fn add_changes(description: &mut Description, kind: &Kind, change: Value, example: &Value, more: &[Code]) {
    let shown = if kind.one == "Auditorium" { "ChangedAuditorium" } else { kind.one };
    let (one, path) = (kind.one.to_lowercase(), format!("/v1/{}/{{id}}", kind.path));
    let operation = |verb: &str| {
        let id = format!("{}{}", verb.to_lowercase(), kind.one);
        Operation::new(&id, TAG, &format!("{verb} {} {one}", article(&one)), Key(Scope::Admin))
            .path("id", &format!("{}Id", kind.one), kind.absent)
            .change()
    };
    let change = operation("Change")
        .body(&format!("{}Change", kind.one), change)
        .changed(&format!("The {one} as it is now."), shown, example.clone())
        .refuses(&[Code::ExternalIdTaken])
        .refuses(more);
    description.add("patch", &path, change);
    let delete = operation("Delete")
        .optional_body(of("Nothing"), json!({}))
        .answers_with(204, "It is gone.", None, &["Idempotent-Replayed"])
        .refuses(&[Code::InUse]);
    description.add("delete", &path, delete);
}

fn creates(kind: &Kind, new: Value, shown: &str, example: Value) -> Operation {
    let one = kind.one.to_lowercase();
    let article = article(&one);
    Operation::new(&format!("create{}", kind.one), TAG, &format!("Add {article} {one}"), Key(Scope::Admin))
        .change()
        .body(&format!("New{}", kind.one), new)
        .created(&format!("The {one} was added."), shown, example)
        .leads_to("201", &[&format!("read{}", kind.one)])
        .refuses(&[Code::ExternalIdTaken])
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with('a') { "an" } else { "a" }
}

fn cinema() -> Object {
    answer("A cinema.")
        .must("id", of("CinemaId"))
        .must("name", text())
        .must("time_zone", said(text(), "IANA, such as Europe/Berlin."))
        .must("address", or_null(text()))
        .with(external_id)
}

fn new_cinema() -> Object {
    body("A cinema to be added.")
        .must("name", given_text(200))
        .must("time_zone", said(with_format(text(), "iana-time-zone"), "IANA, such as Europe/Berlin."))
        .may("address", given_text(500))
        .may("external_id", given_text(128))
}

fn cinema_sample() -> Value {
    json!({
        "id": sample::CINEMA, "name": "Orpheum", "time_zone": "Europe/Berlin", "address": null, "external_id": "42",
    })
}

fn movie() -> Object {
    answer("A movie.")
        .must("id", of("MovieId"))
        .must("title", text())
        .must("runtime_min", or_null(integer(1, 10_000)))
        .must("rating", or_null(text()))
        .must("synopsis", or_null(text()))
        .with(external_id)
}

fn new_movie() -> Object {
    body("A movie to be added.")
        .must("title", given_text(300))
        .may("runtime_min", integer(1, 10_000))
        .may("rating", given_text(40))
        .may("synopsis", given_text(10_000))
        .may("external_id", given_text(128))
}

fn movie_sample() -> Value {
    json!({
        "id": sample::MOVIE, "title": "Orbit of Two", "runtime_min": 142, "rating": "12", "synopsis": null,
        "external_id": null,
    })
}

fn auditorium(object: Object) -> Object {
    object
        .must("id", of("AuditoriumId"))
        .must("name", text())
        .must("cinema", or_null(of("CinemaId")))
        .must("plan", of("PlanHash"))
        .must("screen", said(or_null(text()), "What the room is known as in another system."))
        .with(external_id)
}

fn created_auditorium() -> Value {
    auditorium(answer("A room that was just added, and how its plan was read."))
        .must("warnings", warnings())
        .must("label_rule", label_rule())
        .schema()
}

fn changed_auditorium() -> Value {
    auditorium(answer("A room that was just changed, and how its plan was read if it has a new one."))
        .may("warnings", warnings())
        .may("label_rule", label_rule())
        .schema()
}

fn warnings() -> Value {
    said(list(text()), "What was guessed, left out or looks strange.")
}

fn label_rule() -> Value {
    said(one_of(["given", "row_number", "row_dash_number", "zone_row_number"]), "How the labels came about.")
}

fn new_auditorium() -> Object {
    let foreign = said(json!({"type": "object"}), "pretix's or Vista's own format.");
    let blocked = said(short_list(text(), 1000), "Keys or names of categories whose seats are blocked.");
    body("A room to be added.")
        .must("name", given_text(200))
        .must("plan", json!({"anyOf": [of("SeatingPlan"), foreign]}))
        .may("cinema", of("CinemaId"))
        .may("screen", given_text(100))
        .may("blocked_categories", blocked)
        .may("external_id", given_text(128))
}

fn auditorium_sample() -> Value {
    json!({
        "id": sample::AUDITORIUM, "name": "Studio", "cinema": sample::CINEMA, "plan": sample::PLAN, "screen": null,
        "external_id": null,
    })
}
