//! Resumption of streams from each id, while the turn runs and after its end.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{EventStream, Reply, TestAppBuilder, Transcript};
use reqwest::Method;

causerie_testkit::on_both_databases! {
    a_running_turn_is_resumed_from_every_position,
    an_ended_turn_is_resumed_from_every_id,
    failed_and_cancelled_turns_are_resumed,
    a_turn_has_a_stream_of_its_own,
    a_cursor_beyond_the_text_replays_all,
    a_cursor_at_the_end_has_no_further_frames,
    the_stream_of_a_session_is_that_of_its_latest_turn,
    a_malformed_cursor_is_refused,
}

/// Returns the expected lines of an answer after a position.
fn rest_of(whole: &Transcript, position: usize) -> String {
    whole.text.chars().skip(position).collect()
}

async fn a_running_turn_is_resumed_from_every_position(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/reasoning?thoughts=2&words=3&gate=gate").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut live = chat.send("Hello").await?;
    app.upstream().release("gate", 4);
    while live.transcript().text != "the caféthe " {
        live.read_to("").await?;
    }
    let mut readers = Vec::new();
    for position in 0..=12 {
        let cursor = format!("{}:{position}", live.transcript().turn_id);
        let mut reader = chat.resume(Some(&cursor)).await?.context("the turn runs")?;
        let start = format!(
            "start seq=2 model=sim/reasoning?thoughts=2&words=3&gate=gate from={position} @{position}"
        );
        assert_eq!(reader.next_line().await?, Some(start));
        readers.push((position, reader));
    }
    app.upstream().open("gate");
    let whole = live.read_to_end().await?;
    assert_eq!(whole.text, "the caféthe café opens");
    for (position, reader) in readers {
        let rest = reader.read_to_end().await?;
        assert_eq!(rest.text, rest_of(&whole, position), "from {position}");
        assert_eq!(
            rest.merged_lines().last_chunk::<3>(),
            whole.merged_lines().last_chunk(),
            "from {position}"
        );
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn an_ended_turn_is_resumed_from_every_id(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("thinker", "sim/reasoning?thoughts=3&words=5").start().await?;
    let chat = app.ada.chat("thinker").await?;
    let whole = chat.send_and_read("Hello").await?;
    chat.send_and_read("And now?").await?;

    // All ids that were sent, and ids between them that another split into deltas would have.
    let positions = whole.text.chars().count();
    for position in 0..=positions {
        let cursor = format!("{}:{position}", whole.turn_id);
        let rest = chat.resume(Some(&cursor)).await?.context("the end at least")?.read_to_end().await?;
        assert_eq!(rest.text, rest_of(&whole, position), "from {position}");
        let expected = if position == positions { 3 } else { 4 };
        assert_eq!(
            rest.merged_lines().iter().rev().take(expected).collect::<Vec<_>>(),
            whole.merged_lines().iter().rev().take(expected).collect::<Vec<_>>(),
            "from {position}"
        );
    }
    let from_the_start = chat.resume(Some(&format!("{}:0", whole.turn_id))).await?.context("all of it")?;
    assert_eq!(from_the_start.read_to_end().await?.merged_lines(), whole.merged_lines());
    assert_eq!(app.upstream().count_chat(), 2);
    app.stop().await
}

async fn failed_and_cancelled_turns_are_resumed(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("cut", "sim/cut-mid-stream").tool("gated", "sim/gated").start().await?;
    let cut = app.ada.chat("cut").await?;
    let failed = cut.send_and_read("Hello").await?;
    let gated = app.ada.chat("gated").await?;
    let mut stream = gated.send("Hello").await?;
    app.upstream().release("gate", 1);
    stream.read_to("text-delta").await?;
    gated.cancel().await?;
    let cancelled = stream.read_to_end().await?;

    for (chat, whole) in [(&cut, &failed), (&gated, &cancelled)] {
        for position in [0, 1, whole.text.chars().count()] {
            let cursor = format!("{}:{position}", whole.turn_id);
            let rest = chat.resume(Some(&cursor)).await?.context("the end at least")?.read_to_end().await?;
            assert_eq!(rest.text, rest_of(whole, position));
            assert_eq!(rest.merged_lines().last_chunk::<3>(), whole.merged_lines().last_chunk());
        }
        let end = format!("{}:end", whole.turn_id);
        assert!(chat.resume(Some(&end)).await?.is_none());
    }
    app.stop().await
}

async fn a_turn_has_a_stream_of_its_own(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("words", "sim/text?words=3").start().await?;
    let chat = app.ada.chat("words").await?;
    let whole = chat.send_and_read("Hello").await?;
    let turn = &whole.turn_id;
    let path = format!("/turns/{turn}/stream");
    let get = |path: &str| app.ada.request(Method::GET, path);
    let rest = |query: &str| EventStream::open_optional(get(&format!("{path}{query}")));

    assert_eq!(rest("").await?.context("all")?.read_to_end().await?.merged_lines(), whole.merged_lines());
    for query in ["?starting_after=4", &format!("?starting_after={turn}:4")] {
        assert_eq!(
            rest(query).await?.context("the rest")?.read_to_end().await?.text,
            "café opens",
            "{query}"
        );
    }
    let both = get(&format!("{path}?starting_after=0")).header("last-event-id", format!("{turn}:9"));
    assert_eq!(
        EventStream::open(both).await?.read_to_end().await?.text,
        "opens",
        "the header is the newer one"
    );
    for query in ["?starting_after=end", &format!("?starting_after={turn}:end")] {
        assert!(rest(query).await?.is_none(), "{query}");
    }
    let by_session = get(&chat.path(&format!("/stream?starting_after={turn}:4")));
    assert_eq!(EventStream::open(by_session).await?.read_to_end().await?.text, "café opens");
    app.stop().await
}

async fn a_cursor_beyond_the_text_replays_all(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut live = chat.send("Hello").await?;
    app.upstream().release("gate", 1);
    live.read_to("text-delta").await?;
    let beyond = format!("{}:5000", live.transcript().turn_id);
    let running = chat.resume(Some(&beyond)).await?.context("the turn runs")?;
    app.upstream().open("gate");
    let whole = live.read_to_end().await?;
    assert_eq!(running.read_to_end().await?.merged_lines(), whole.merged_lines());
    let ended = chat.resume(Some(&beyond)).await?.context("the turn is there")?;
    assert_eq!(ended.read_to_end().await?.merged_lines(), whole.merged_lines());
    app.stop().await
}

async fn a_cursor_at_the_end_has_no_further_frames(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    assert!(chat.resume(None).await?.is_none(), "no turn has run");
    let whole = chat.send_and_read("Hello").await?;
    assert!(chat.resume(None).await?.is_none(), "no turn runs");
    let last = whole.frames.last().context("a frame")?;
    assert!(chat.resume(Some(&last.id)).await?.is_none(), "the whole turn was read");
    app.stop().await
}

async fn the_stream_of_a_session_is_that_of_its_latest_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let chat = app.ada.chat("gated").await?;
    app.upstream().release("gate", 2);
    let first = chat.send_and_read("one").await?;
    let mut live = chat.send("two").await?;
    app.upstream().release("gate", 1);
    live.read_to("text-delta").await?;
    let resumed = chat.resume(None).await?.context("the second turn runs")?;
    let earlier = chat.resume(Some(&format!("{}:4", first.turn_id))).await?.context("the first turn")?;
    assert_eq!(
        earlier.read_to_end().await?.text,
        "café",
        "a cursor identifies its turn, even if another one runs"
    );
    app.upstream().open("gate");
    let second = live.read_to_end().await?;
    let resumed = resumed.read_to_end().await?;
    assert_eq!((&resumed.turn_id, resumed.merged_lines()), (&second.turn_id, second.merged_lines()));
    app.stop().await
}

async fn a_malformed_cursor_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (chat, other) = (app.ada.chat("echo").await?, app.ada.chat("echo").await?);
    let turn = chat.send_and_read("Hello").await?.turn_id;
    let nowhere = turn.replace('7', "8");
    for (path, wrong) in [
        (chat.path("/stream"), "5".to_owned()),
        (chat.path("/stream"), "x:5".to_owned()),
        (chat.path("/stream"), format!("{turn}:-1")),
        (chat.path("/stream"), format!("{turn}:five")),
        (chat.path("/stream"), format!("{turn}:")),
        (chat.path("/stream"), format!("{turn}:5:5")),
        (format!("/turns/{turn}/stream"), "five".to_owned()),
        (format!("/turns/{turn}/stream"), format!("{nowhere}:5")),
    ] {
        let header = app.ada.request(Method::GET, &path).header("last-event-id", &wrong);
        let problem = Reply::fetch(header).await?.problem(400, "invalid_parameter")?;
        assert_eq!(problem["parameter"], "Last-Event-ID", "{wrong}");
        let query = app.ada.get(&format!("{path}?starting_after={wrong}")).await?;
        assert_eq!(query.problem(400, "invalid_parameter")?["parameter"], "starting_after", "{wrong}");
    }
    for absent in [format!("{nowhere}:5"), format!("{turn}:5")] {
        let request = app.ada.request(Method::GET, &other.path("/stream")).header("last-event-id", &absent);
        Reply::fetch(request).await?.problem(404, "not_found")?;
    }
    app.ada.get(&format!("/turns/{turn}/stream?after=5")).await?.problem(400, "invalid_parameter")?;
    app.stop().await
}
