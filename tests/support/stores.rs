//! One check over each store that the program may have.

use super::{
    plain_s3::PlainS3,
    world::{Setup, World},
};

/// An S3, a stack on it, and one on its own folder, each with the name of its store.
pub async fn everywhere() -> (PlainS3, [(&'static str, World); 2]) {
    let s3 = PlainS3::start().await;
    let elsewhere = s3.world(Vec::new()).await;
    (s3, [("folder", World::new().await), ("another S3", elsewhere)])
}

/// Where this machine hands all files out itself.
pub async fn wherever_files_are_streamed(check: impl AsyncFn(&World)) {
    let streamed = vec![("SATCHEL_DOWNLOADS", "stream".to_owned())];
    over(streamed, check).await;
}

/// The folder, and another S3 that downloads are redirected to.
pub async fn over_each_store(check: impl AsyncFn(&World)) {
    over(Vec::new(), check).await;
}

async fn over(variables: Vec<(&'static str, String)>, check: impl AsyncFn(&World)) {
    let s3 = PlainS3::start().await;
    for world in [World::new().await, s3.world_with(Setup { variables, ..Setup::default() }).await] {
        check(&world).await;
        world.stop().await;
    }
    s3.stop().await;
}
