//! One check over each store that the program may have.

use super::{
    plain_s3::PlainS3,
    world::{Setup, World},
};

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
