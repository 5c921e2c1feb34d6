//! Throughput of the decoder, compared with the minimum that every event reader does: splitting lines.
//!
//! `cargo bench -p causerie-openrouter`; each row shows events and bytes per second.

use std::hint::black_box;

use causerie_openrouter::{SizeLimits, StreamDecoder};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const EVENTS: usize = 20_000;
const LONG_LINE: usize = 8 << 20;

/// Creates a typical stream of the upstream: one short piece of text per event.
fn tokens() -> Vec<u8> {
    let event = concat!(
        r#"data: {"id":"gen-1780944363-ycVfiF0zq8LxtcFRCkoy","object":"chat.completion.chunk","created":1780944363,"#,
        r#""model":"anthropic/claude-4.5-haiku-20251001","provider":"Amazon Bedrock","choices":[{"index":0,"#,
        r#""delta":{"content":" piece","role":"assistant"},"finish_reason":null,"native_finish_reason":null}]}"#,
        "\n\n",
    );
    [event.repeat(EVENTS), "data: [DONE]\n\n".to_owned()].concat().into_bytes()
}

/// Creates a stream of one long event, as encrypted reasoning and images have.
fn long_line() -> Vec<u8> {
    let text = "x".repeat(LONG_LINE);
    format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\ndata: [DONE]\n\n")
        .into_bytes()
}

fn decode(body: &[u8], read: usize) -> usize {
    let mut decoder = StreamDecoder::new(SizeLimits::default());
    body.chunks(read).map(|bytes| decoder.push(bytes).len()).sum()
}

/// Splits lines only: carries an incomplete line over from read to read, and counts the lines.
fn split_lines(body: &[u8], read: usize) -> usize {
    let (mut line, mut lines) = (Vec::new(), 0);
    for bytes in body.chunks(read) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            line.extend_from_slice(&rest[..end]);
            lines += usize::from(!black_box(&line).is_empty());
            line.clear();
            rest = &rest[end + 1..];
        }
        line.extend_from_slice(rest);
    }
    lines
}

fn benches(criterion: &mut Criterion) {
    let (tokens, long_line) = (tokens(), long_line());
    let inputs = [
        ("tokens", &tokens, EVENTS, 16),
        ("tokens", &tokens, EVENTS, 4 << 10),
        ("8 MiB line", &long_line, 1, 16),
        ("8 MiB line", &long_line, 1, 4 << 10),
    ];
    for (name, body, events, read) in inputs {
        let mut group = criterion.benchmark_group(format!("{name} in reads of {read} B"));
        group.sample_size(10);
        group.throughput(Throughput::ElementsAndBytes { elements: events as u64, bytes: body.len() as u64 });
        group.bench_with_input("decoder", body, |bencher, body| {
            bencher.iter(|| decode(black_box(body), read));
        });
        group.bench_with_input("bare line splitter", body, |bencher, body| {
            bencher.iter(|| split_lines(black_box(body), read));
        });
        group.finish();
    }
}

criterion_group!(decode_benches, benches);
criterion_main!(decode_benches);
