//! `satchel-s3 DIR [ADDR]`: the S3 server by itself, for trying S3 clients and for tests that kill it. The keys are
//! AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; it prints the address it listens on.

use std::error::Error;

use satchel_s3::{Credentials, Server, ServerOptions, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: satchel-s3 DIR [ADDR]")?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let credentials =
        Credentials { access_key: variable("AWS_ACCESS_KEY_ID")?, secret_key: variable("AWS_SECRET_ACCESS_KEY")? };
    let store = Store::open(folder.as_ref()).await?;
    let server = Server::bind(address, store.clone(), credentials, ServerOptions::default()).await?;
    println!("{}", server.local_addr()?);
    server.serve(async { drop(tokio::signal::ctrl_c().await) }).await;
    Ok(store.close().await?)
}
