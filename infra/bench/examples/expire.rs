//! Fills an S3 with 200,000 files, runs `expire` on it at several moments, each time in a process of its own, and prints
//! requests, time, peak memory and cost: `cargo run --release -p satchel-bench --example expire [FILES]`.

use std::{
    collections::BTreeMap,
    error::Error,
    net::SocketAddr,
    process::Stdio,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use aws_sdk_s3::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
    primitives::ByteStream,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use satchel_aws::{clock::Clock, sdk, state::State};
use satchel_core::{config::FromEnvironment, date_time, time::Timestamp};
use satchel_expire::{ExpireConfig, Options, order::Order};
use satchel_s3::{Server, ServerOptions, Store};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const BUCKET: &str = "bench";
const KEY: &str = "bench";
const IN_FLIGHT: usize = 256;
const HOUR: u64 = 3_600;

/// S3 Standard, us-east-1, list price in dollars for a thousand requests. A batch of deletions counts as a POST, to be on
/// the safe side; deletions as such are free.
const PRICES: [(&str, f64); 8] = [
    ("ListObjectsV2", 0.005),
    ("ListMultipartUploads", 0.005),
    ("DeleteObjects", 0.005),
    ("PutObject", 0.005),
    ("CreateMultipartUpload", 0.005),
    ("UploadPart", 0.005),
    ("CompleteMultipartUpload", 0.005),
    ("HeadObject", 0.0004),
];

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", folder] => serve(folder).await,
        ["expire", address, at, limit] => expire(address, at.parse()?, limit).await,
        [files] => measure(files.parse()?).await,
        _ => measure(200_000).await,
    }
}

/// One run after the other on one store.
async fn measure(files: u64) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let mut s3 = S3::start(folder.path().to_str().ok_or("a folder in UTF-8")?).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (few, many) = (files / 100, files / 2);
    fill(&s3.client(), files, |number| match number {
        _ if number < few => now + HOUR,
        _ if number < few + many => now + 2 * HOUR,
        _ => now + 10_000 * HOUR + number,
    })
    .await?;
    println!("{files} files, each with its entry in the index");
    let half_of_the_rest = ((files - few - many) / 2).to_string();
    for (name, at, limit) in [
        ("nothing due", now, ""),
        ("nothing due, and a total limit that holds", now, "1000000000"),
        ("one in a hundred due", now + HOUR, ""),
        ("half of them due", now + 2 * HOUR, ""),
        ("a total limit that only half of the rest is within", now + 2 * HOUR, &half_of_the_rest),
    ] {
        let before = s3.counts().await?;
        let arguments = ["expire", &s3.address.to_string(), &at.to_string(), limit];
        let run = Command::new(std::env::current_exe()?).args(arguments).output().await?;
        let mut counts = s3.counts().await?;
        counts.iter_mut().for_each(|(name, count)| *count -= before.get(name).copied().unwrap_or_default());
        counts.retain(|_, count| *count > 0);
        println!("\n{name}\n{}", String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).trim_end());
        print_cost(&counts);
    }
    s3.stop().await
}

fn print_cost(counts: &BTreeMap<String, u64>) {
    let price = |name: &str| PRICES.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, price)| *price);
    let cost: f64 = counts.iter().map(|(name, count)| *count as f64 / 1_000.0 * price(name)).sum();
    let requests: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!("S3 requests: {} ({})", counts.values().sum::<u64>(), requests.join(", "));
    println!("list price: ${cost:.4}");
}

/// Files of one byte, each with its entry.
async fn fill(client: &Client, files: u64, expires: impl Fn(u64) -> u64) -> Outcome<()> {
    let puts = (0..files).map(|number| {
        let (expires, file) = (expires(number), format!("uploads/{number:024x}/IMG_{number:06}.jpg"));
        let entry = entry(expires, &file);
        let put = |key: String| client.put_object().bucket(BUCKET).key(key);
        let file = put(file).metadata("expires", expires.to_string()).body(ByteStream::from_static(b"x"));
        async move { tokio::try_join!(file.send(), put(entry).send()) }
    });
    stream::iter(puts).buffer_unordered(IN_FLIGHT).try_for_each(async |_| Ok(())).await?;
    Ok(())
}

fn entry(expires: u64, file: &str) -> String {
    let at = date_time::format(Timestamp::from_seconds(expires));
    format!("expiry/{}/{}{}/{file}", &at[..13], &at[14..16], &at[17..19])
}

/// An S3 in a process of its own.
struct S3 {
    address: SocketAddr,
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl S3 {
    async fn start(folder: &str) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = command.args(["serve", folder]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let (orders, output) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
        let mut answers = BufReader::new(output).lines();
        let address = answers.next_line().await?.ok_or("the S3 did not start")?.parse()?;
        Ok(Self { address, child, orders, answers })
    }

    fn client(&self) -> Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(KEY, KEY, None, None, "bench"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(format!("http://{}", self.address))
            .force_path_style(true);
        Client::from_conf(config.build())
    }

    /// Requests so far, by operation.
    async fn counts(&mut self) -> Outcome<BTreeMap<String, u64>> {
        self.orders.write_all(b"counts\n").await?;
        Ok(serde_json::from_str(&self.answers.next_line().await?.ok_or("the S3 is gone")?)?)
    }

    async fn stop(self) -> Outcome<()> {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        child.wait().await?;
        Ok(())
    }
}

/// The S3: prints its address, then its counters for each line it reads, until there is none.
async fn serve(folder: &str) -> Outcome<()> {
    let store = Store::open(folder.as_ref()).await?;
    store.create_bucket(BUCKET).await?;
    let keys = satchel_s3::Credentials { access_key: KEY.into(), secret_key: KEY.into() };
    let server = Server::bind("127.0.0.1:0", store.clone(), keys, ServerOptions::default()).await?;
    println!("{}", server.local_addr()?);
    let requests = server.requests();
    let answer = async {
        let mut orders = BufReader::new(tokio::io::stdin()).lines();
        while let Ok(Some(_)) = orders.next_line().await {
            println!("{}", serde_json::json!(requests.by_operation()));
        }
    };
    server.serve(answer).await;
    Ok(store.close().await?)
}

/// The run that is measured, alone in its process.
async fn expire(address: &str, at: u64, limit: &str) -> Outcome<()> {
    let lookup = |name: &str| {
        let value = match name {
            "SATCHEL_BUCKET" => BUCKET.to_owned(),
            "SATCHEL_S3_PATH_STYLE" => "true".to_owned(),
            "SATCHEL_MAX_TOTAL_BYTES" => limit.to_owned(),
            _ => return None,
        };
        Some(value)
    };
    let credentials = Credentials::new(KEY, KEY, None, None, "bench");
    let sdk = sdk::of_known("us-east-1", credentials, Some(&format!("http://{address}")));
    let clock = Clock::fixed(Timestamp::from_seconds(at));
    let state = State::new(ExpireConfig::parse(lookup)?, &sdk, clock);
    let before = peak_kib()?;
    let began = Instant::now();
    let options = Options { count_all: false, is_over: &|| false, watch: &mut |_| {} };
    let summary = satchel_expire::run(&state, Order::default(), options).await?;
    let took = began.elapsed();
    let deleted = summary.expired.objects + summary.over_limit.objects;
    println!("deleted: {deleted} (errors: {}) in {:.1} s", summary.errors, took.as_secs_f64());
    println!("peak memory: {:.1} MiB ({:.1} before the run)", peak_kib()? / 1_024.0, before / 1_024.0);
    Ok(())
}

fn peak_kib() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
