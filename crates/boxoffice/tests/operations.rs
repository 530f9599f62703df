//! What operators rely on: one server per file, audit, backup and restore, a graceful end, and a full disk survived.

#[path = "server/support.rs"]
mod server;

use std::fs;
use std::time::Duration;

use serde_json::json;
use server::{
    Client, Crowd, Dice, House, Server, Showtime, get, hall, limit_file_size, post, replay, room, settle,
    states, text, unlimit_file_size, until,
};

#[test]
fn it_says_that_it_lives_and_is_ready() {
    let server = Server::start();
    assert_eq!(server.send(&get("/livez")).status, 200);
    let ready = server.send(&get("/readyz"));
    assert_eq!(ready.header("cache-control"), Some("no-store"));
    assert_eq!(ready.expect(200)["status"], "ok");
    let page = server.send(&get("/"));
    page.expect_status(200);
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{}", page.told());
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let metrics = server.send(&get("/metrics"));
    metrics.expect_status(200);
    let text = metrics.text();
    assert!(text.lines().any(|line| line.starts_with("# TYPE boxoffice_")), "{text}");
    assert!(!text.contains(&showtime.id), "no metric is labelled with a showtime");
}

#[test]
fn a_second_server_on_the_same_file_is_refused() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["A1"]);
    let second = server.run(&["serve", "--listen", "127.0.0.1:0", "--store", &server.store()]);
    assert!(
        second.code.is_some_and(|code| code != 0),
        "it ran, or was killed because it did not end: {second:?}"
    );
    assert!(second.said.contains("boxoffice.db"), "it names the file: {}", second.said);
    let said = second.said.to_lowercase();
    let clear = ["in use", "another", "already", "locked"].iter().any(|word| said.contains(word));
    assert!(clear && !said.contains("panicked"), "{}", second.said);
    assert!(!said.contains("listening on"), "{}", second.said);
    showtime.hold(&["A2"]);
    assert_eq!(showtime.taken(), "A1 held, A2 held");
}

#[test]
fn a_backup_that_is_none_is_named_by_its_own_name() {
    let home = Server::idle(&[]);
    fs::write(
        home.path("junk.db"),
        "no database at all, but long enough for a header of one hundred bytes".repeat(4),
    )
    .expect("a file");
    let run = home.run(&["restore", "junk.db", "--store", "sqlite:shop.db"]);
    assert_eq!(run.code, Some(1), "{}", run.said);
    assert!(run.said.contains("junk.db") && !run.said.contains(".part"), "{}", run.said);
    assert!(!home.path("shop.db").exists());
    let run = home.run(&["serve", "--store", "sqlite:nowhere/shop.db", "--listen", "127.0.0.1:0"]);
    assert!(run.said.contains("nowhere: ") && !run.said.contains(".lock"), "{}", run.said);
}

/// The names and nice values of a process's threads, by proc(5).
#[cfg(target_os = "linux")]
fn threads(pid: u32) -> Vec<(String, i32)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a process");
    let read = |task: std::io::Result<fs::DirEntry>| {
        let stat = fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        Some((name.to_owned(), fields.split_whitespace().nth(16)?.parse().ok()?))
    };
    tasks.filter_map(read).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_writer_goes_before_those_that_speak_http() {
    let server = Server::start();
    let first = threads(std::process::id())[0].1;
    // 19 is the last place there is.
    let wanted = [
        ("writer", first),
        ("tokio-rt-worker", (first + 5).min(19)),
        ("boxoffice-feed", (first + 15).min(19)),
    ];
    // A thread that has just been started has neither its name nor its place yet.
    until(&format!("threads are in their places: {wanted:?}"), Duration::from_secs(20), || {
        let threads = threads(server.pid());
        let in_place = |(name, place): &(&str, i32)| {
            let mut of_name = threads.iter().filter(|(thread, _)| thread == name).peekable();
            of_name.peek().is_some() && of_name.all(|(_, nice)| nice == place)
        };
        wanted.iter().all(in_place).then_some(())
    });
}

#[test]
fn a_files_tables_are_migrated_by_command_while_no_server_runs() {
    let server = Server::start();
    let beside = server.run(&["migrate"]);
    assert_eq!(beside.code, Some(1), "{}", beside.said);
    assert!(beside.said.contains("in use"), "{}", beside.said);
    server.kill();
    let alone = server.run(&["migrate"]);
    assert_eq!(alone.code, Some(0), "{}", alone.said);
    assert!(alone.said.contains("nothing was missing"), "{}", alone.said);
}

#[test]
fn a_taken_port_or_a_bad_flag_is_named() {
    let server = Server::start();
    let other = format!("sqlite:{}", server.path("other.db").display());
    let taken = server.run(&["serve", "--listen", &server.address().to_string(), "--store", &other]);
    assert_ne!(taken.code, Some(0));
    assert!(
        taken.said.contains("--listen") || taken.said.contains(&server.address().to_string()),
        "{}",
        taken.said
    );
    assert!(!taken.said.contains("panicked"), "{}", taken.said);
    let bad = server.run(&["serve", "--store", &other, "--no-such-flag", "1"]);
    assert_ne!(bad.code, Some(0));
    assert!(bad.said.contains("--no-such-flag"), "{}", bad.said);
}

#[test]
fn what_is_wrong_with_a_file_is_said_once_and_a_new_one_is_announced() {
    let server = Server::start();
    let told = || server.log().contains("a new, empty one was made").then_some(());
    until("the new file is announced", Duration::from_secs(10), told);
    server.kill();
    server.start_again();
    let change = server.send(&post("/v1/movies", &json!({"title": "Later"})).admin());
    let id = change.header("x-request-id").expect("an id");
    until("what came before is in the log", Duration::from_secs(10), || {
        server.log().contains(id).then_some(())
    });
    assert_eq!(server.log().matches("a new, empty one was made").count(), 1, "only the first time");
    server.kill();
    let serve = |name: &str| {
        let store = format!("sqlite:{}", server.path(name).display());
        server.run(&["serve", "--listen", "127.0.0.1:0", "--store", &store])
    };
    fs::write(server.path("junk.db"), "no database, however long it may be made to look".repeat(100))
        .expect("a file");
    let junk = serve("junk.db");
    assert_eq!(junk.code, Some(1), "{}", junk.said);
    assert_eq!(junk.said.matches("file is not a database").count(), 1, "{}", junk.said);
    fs::rename(server.path("boxoffice.db"), server.path("away.db")).expect("a file that can be moved");
    let alone = serve("boxoffice.db");
    assert_eq!(alone.code, Some(1), "{}", alone.said);
    assert!(alone.said.contains("boxoffice.db-wal"), "it names the log: {}", alone.said);
    fs::rename(server.path("away.db"), server.path("boxoffice.db")).expect("a file that can be moved");
    server.start_again();
}

#[test]
fn a_backup_taken_while_serving_is_restored_as_another_history() {
    let server = Server::start();
    let (plan, seats) = hall(20, 20);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let mut dice = Dice::from_clock();
    let crowd = Crowd::gather(&showtime, &seats, 4, &mut dice);
    until("the sale is going", Duration::from_secs(20), || (crowd.acknowledged() > 50).then_some(()));
    let file = server.path("saved.db").display().to_string();
    let backup = server.run(&["backup", "--store", &server.store(), &file]);
    assert_eq!(backup.code, Some(0), "{}", backup.said);
    settle(&showtime, &mut crowd.leave());
    server.audit();
    let live = showtime.map();
    assert!(!server.path("saved.db.part").exists());
    let again = server.run(&["backup", "--store", &server.store(), &file]);
    assert!(again.code.is_some_and(|code| code != 0), "a backup never overwrites: {}", again.said);

    let other = Server::idle(&[]);
    let restore = || other.run(&["restore", &file, "--store", &other.store()]);
    let restored = restore();
    assert_eq!(restored.code, Some(0), "{}", restored.said);
    let onto = restore();
    assert!(onto.code.is_some_and(|code| code != 0), "only into nothing: {}", onto.said);
    let live_store = server.run(&["restore", &file, "--store", &server.store()]);
    assert!(live_store.code.is_some_and(|code| code != 0), "only into nothing: {}", live_store.said);
    assert_eq!(states(&showtime.map()["seats"]), states(&live["seats"]));
    other.audit();
    other.start_again();
    let copy = Showtime { server: &other, id: showtime.id.clone() };
    let map = copy.map();
    assert_ne!(map["epoch"], live["epoch"], "the same revisions may mean other things now");
    let revision = map["revision"].as_u64().expect("a revision");
    assert!(revision > 0 && Some(revision) <= live["revision"].as_u64());
    let old = get(copy.path(&format!("/seats?since={}-{revision}", text(&live["epoch"]))));
    assert_eq!(other.send(&old).expect(200)["reset"], true);
    assert_eq!(replay(&copy), revision as usize);
    let free = map["seats"].as_array().expect("seats").iter().find(|seat| seat["status"] == "available");
    copy.hold(&[&text(&free.expect("a free seat")["seat"])]).book();
    other.audit();
}

#[test]
fn a_request_in_flight_is_answered_before_the_server_ends() {
    let server = Server::start();
    let showtime = House::open(&server).showtime();
    showtime.hold(&["B1"]);
    let wish = showtime.ask(&["A1", "A2"]).header("Expect", "100-continue");
    let mut client = server.connect();
    client.write(&wish.head()).expect("a header");
    let (status, _) = client.read_head().expect("the server has begun with the request");
    assert_eq!(status, 100);
    server.ask_to_end();
    until("the server takes no more", Duration::from_secs(10), || {
        let answer = Client::connect(server.address()).and_then(|mut other| other.send(&get("/readyz")));
        answer
            .is_ok_and(|answer| answer.status == 503)
            .then_some(())
            .or_else(|| Client::connect(server.address()).is_err().then_some(()))
    });
    client.write(wish.payload()).expect("the rest");
    let answer = client.answer("the request in flight").expect("an answer");
    let hold = answer.expect(201);
    assert!(
        answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
        "{}",
        answer.told()
    );
    assert_eq!(server.ended().code(), Some(0));
    server.start_again();
    assert_eq!(server::Hold::answered(&server, hold).read()["status"], "active");
    assert_eq!(showtime.taken(), "A1 held, A2 held, B1 held");
}

#[test]
fn a_sigterm_under_load_loses_no_acknowledged_sale() {
    let server = Server::start();
    let (plan, seats) = hall(25, 40);
    let showtime = House::with_plan(&server, &plan).plain_showtime();
    let crowd = Crowd::gather(&showtime, &seats, 8, &mut Dice::from_clock());
    until("the sale is going", Duration::from_secs(20), || (crowd.acknowledged() > 200).then_some(()));
    server.ask_to_end();
    assert_eq!(server.ended().code(), Some(0));
    for name in ["boxoffice.db-wal", "boxoffice.db-shm"] {
        assert!(!server.path(name).exists(), "{name} stays after a clean end");
    }
    let mut sales = crowd.leave();
    server.audit();
    server.start_again();
    assert!(settle(&showtime, &mut sales) > 0);
    replay(&showtime);
    server.audit();
}

fn revision(showtime: &Showtime<'_>) -> u64 {
    showtime.map()["revision"].as_u64().expect("a revision")
}

#[test]
fn a_full_disk_refuses_writes_keeps_reads_and_is_survived() {
    let server = Server::start();
    let (plan, seats) = hall(20, 20);
    let house = House::with_plan(&server, &plan);
    let (showtime, quiet) = (house.plain_showtime(), house.plain_showtime());
    let mut wishes = seats.iter().map(|seat| quiet.ask(&[seat]));
    let mut try_another = || server.send(&wishes.next().expect("a seat that nobody wanted yet"));
    let crowd = Crowd::gather(&showtime, &seats, 4, &mut Dice::from_clock());
    until("the sale is going", Duration::from_secs(20), || (crowd.acknowledged() > 100).then_some(()));
    let before = revision(&showtime);
    limit_file_size(server.pid(), 8 * 1024);
    let refused = until("a write is refused", Duration::from_secs(30), || {
        Some(try_another()).filter(|answer| answer.status != 201)
    });
    let code = refused.code();
    assert!(["store_unavailable", "outcome_unknown"].contains(&code.as_str()), "{}", refused.told());
    assert!(
        refused.header("retry-after").is_some() && refused.json()["retry_after_ms"].is_u64(),
        "{}",
        refused.told()
    );
    let ready = until("it says that it is degraded", Duration::from_secs(10), || {
        Some(server.send(&get("/readyz")).expect(200)).filter(|ready| ready["status"] == "degraded")
    });
    assert!(ready["checks"].to_string().contains("store"), "it says why: {ready}");
    until("writes are refused as long as it lasts", Duration::from_secs(10), || {
        Some(try_another()).filter(|answer| answer.code() == "store_unavailable")
    });
    assert!(revision(&showtime) >= before, "maps still work");
    server.send(&get("/v1/movies")).expect(200);
    assert_eq!(server.send(&get("/livez")).status, 200);
    unlimit_file_size(server.pid());
    until("it has recovered", Duration::from_secs(20), || {
        Some(server.send(&get("/readyz")).expect(200)).filter(|ready| ready["status"] == "ok")
    });
    let marks = crowd.acknowledged();
    until("the sale is going again", Duration::from_secs(20), || {
        (crowd.acknowledged() > marks + 20).then_some(())
    });
    let mut sales = crowd.leave();
    assert!(settle(&showtime, &mut sales) > 0);
    replay(&showtime);
    server.audit();
    server.kill();
    server.start_again();
    settle(&showtime, &mut sales);
    server.audit();
}

#[test]
fn a_plan_is_checked_and_drawn_on_the_command_line() {
    let server = Server::idle(&[]);
    let write = |name: &str, plan: &serde_json::Value| {
        fs::write(server.path(name), plan.to_string()).expect("a file");
        server.run(&["import", name])
    };
    let good = write("good.json", &room(&[("A", 5, "standard"), ("B", 7, "premium")]));
    assert_eq!(good.code, Some(0), "{}", good.said);
    assert!(good.said.contains("12") && good.said.contains("premium"), "{}", good.said);
    let mut plan = room(&[("A", 2, "standard")]);
    plan["rows"][0]["seats"][1]["number"] = json!("1");
    let bad = write("bad.json", &plan);
    assert_eq!(bad.code, Some(1), "{}", bad.said);
    assert!(
        bad.said.contains("/rows/0/seats/1") && bad.said.contains("A-1"),
        "it names the seat: {}",
        bad.said
    );
    let version = server.run(&["version"]);
    assert_eq!(version.code, Some(0));
    assert!(version.said.contains(env!("CARGO_PKG_VERSION")), "{}", version.said);
    let missing = server.run(&["audit", "--store", &server.store()]);
    assert!(missing.code.is_some_and(|code| code != 0), "there is nothing to audit: {}", missing.said);
}
